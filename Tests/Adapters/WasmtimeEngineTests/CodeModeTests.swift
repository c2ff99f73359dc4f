import ClusterModel
import HostPorts
import StorageTesting
import Testing

@testable import WasmtimeEngine

/// Quick code first, optimised code soon, and no interruption between.
@Suite struct CodeModeTests {
  private func digest(_ number: UInt8) -> ModuleDigest {
    ModuleDigest(sha256: [UInt8](repeating: number, count: 32))
  }

  private func quick(_ text: String) async throws -> any PreparedModule {
    try await SharedEngine.engine.get().prepare(
      try wasm(text), digest: digest(1), startingWith: .quick)
  }

  /// A module that takes the compiler a while: many functions that nobody calls.
  private static func large(_ body: String, functions: Int = 3000) -> String {
    let work = (0..<20).map { number in
      "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const \(number * 7 + 3))) (local.get 1)))"
    }.joined()
    let dead = (0..<functions).map { _ in
      "(func (param i32 i32) (result i32) \(work) (local.get 0))"
    }.joined()
    return body.replacing("(func (export", with: dead + "(func (export")
  }

  @Test func `quick code runs at once and optimised code takes its place`() async throws {
    let module = try await quick(Self.large(Wat.increment))
    #expect(module.mode == .quick)
    #expect(output(await module.run(activation(input: [1, 2]))) == [2, 3])
    #expect(await module.optimised())
    #expect(module.mode == .optimised)
    #expect(output(await module.run(activation(input: [1, 2]))) == [2, 3])
  }

  @Test func `optimised code is asked for and used at once without quick code`() async throws {
    let module = try await SharedEngine.prepare(Wat.increment)
    #expect(module.mode == .optimised)
    #expect(await module.optimised())
  }

  @Test func `what runs ends on the code it began with, and none is lost or wrong`() async throws {
    let module = try await quick(Self.large(Wat.sleep(nanoseconds: 300_000_000)))
    let command = try #require(module as? PreparedCommand)
    let before = command.linked
    #expect(before.mode == .quick)
    let reports = await withTaskGroup(of: [UInt8]?.self) { group in
      // Of the old code, sleeping while it is replaced; of both; and of the new one.
      for _ in 0..<20 { group.addTask { output(await module.run(activation())) } }
      while await !module.optimised() { await Task.yield() }
      for _ in 0..<20 { group.addTask { output(await module.run(activation())) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(reports == Array(repeating: [33], count: 40))
    #expect(command.linked !== before && command.linked.mode == .optimised)
  }

  @Test func `what is cached is optimised at once`() async throws {
    let folder = TemporaryFolder()
    var configuration = EngineConfiguration(machine: MachineFacts.read())
    configuration.workers = 1
    configuration.instanceSlots = 4
    let bytes = try wasm(Wat.increment)
    for expected in [CodeMode.quick, .optimised] {
      let engine = try WasmtimeEngine(configuration: configuration, cacheFolder: folder.path)
      defer { engine.stop() }
      let module = try await engine.prepare(bytes, digest: digest(1), startingWith: .quick)
      #expect(
        (module as? PreparedCommand) != nil && (expected == .quick || module.mode == expected))
      #expect(await module.optimised())
    }
  }

  @Test func `what nobody wants any more is not optimised`() async throws {
    let engine = try SharedEngine.engine.get()
    let compiler = Compiler(engines: engine.engines, cache: nil)
    let thread = DedicatedThread(name: "test-compiler", stack: Compiler.stackSize) {
      compiler.run()
    }
    defer {
      compiler.stop()
      thread.join()
    }
    let bytes = try wasm(Wat.increment)
    let problem = await #expect(throws: Problem.self) {
      try await compiler.compile(bytes, digest: digest(1), .optimised) { false }
    }
    #expect(problem?.code == "not_wanted")
  }

  @Test func `a module that is no module is refused in both modes`() async throws {
    for mode in CodeMode.allCases {
      let problem = await #expect(throws: Problem.self) {
        try await SharedEngine.engine.get().prepare([0, 1], digest: digest(1), startingWith: mode)
      }
      #expect(problem?.code == "module_invalid")
    }
  }

  @Test func `limits hold in quick code`() async throws {
    let spin = try await quick(Self.large(Wat.spin))
    #expect(
      failure(await spin.run(activation(limits: ActivationLimits(cpuTime: .milliseconds(20)))))?
        .code
        == .cpuTimeLimit)
    let deep = try await quick(Self.large(Wat.recurse))
    #expect(failure(await deep.run(activation()))?.code == .stackLimit)
  }
}
