import ClusterModel
import DedicatedThreads
import HostPorts
import StorageTesting
import Testing

@testable import WasmtimeEngine

/// Quick code first, optimised code soon, and no interruption between.
@Suite struct CodeModeTests {
  private func digest(_ number: UInt8) -> ModuleDigest {
    ModuleDigest(sha256: [UInt8](repeating: number, count: 32))
  }

  /// A compiler of its own with its thread.
  private func withCompiler<Value>(_ body: (Compiler) async throws -> Value) async throws -> Value {
    let compiler = Compiler(engines: try SharedEngine.engine.get().engines, cache: nil)
    let thread = DedicatedThread(
      name: "test-compiler", urgency: .ordinary, stack: Compiler.stackSize
    ) {
      compiler.run()
    }
    defer {
      compiler.stop()
      thread.join()
    }
    return try await body(compiler)
  }

  /// A command with code of a mode, of the engine that all tests share.
  private func command(_ text: String, _ mode: CodeMode) async throws -> PreparedCommand {
    let engine = try SharedEngine.engine.get()
    let bytes = try wasm(text)
    let linked = try await linked(bytes, mode)
    return try PreparedCommand(
      linked, digest: digest(1), bytes: bytes, queue: engine.queue, resources: engine.resources,
      bundle: nil)
  }

  private func linked(_ bytes: [UInt8], _ mode: CodeMode) async throws -> LinkedModule {
    try await withCompiler { compiler in
      let compiled = try await compiler.compile(bytes, digest: digest(1), mode)
      return try LinkedModule(
        compiled, linkers: try SharedEngine.engine.get().linkers)
    }
  }

  @Test(arguments: CodeMode.allCases)
  func `a module is compiled as it was asked for`(mode: CodeMode) async throws {
    let module = try await command(Wat.increment, mode)
    #expect(module.mode == mode)
    #expect(output(await module.run(activation(input: [1, 2]))) == [2, 3])
    #expect(await module.optimised() == (mode == .optimised))
  }

  @Test func `an engine that starts with quick code optimises it`() async throws {
    let module = try await SharedEngine.engine.get().prepare(
      try wasm(Wat.increment), digest: digest(1), startingWith: .quick)
    #expect(output(await module.run(activation(input: [1, 2]))) == [2, 3])
    #expect(await module.optimised())
    #expect(module.mode == .optimised)
    #expect(output(await module.run(activation(input: [1, 2]))) == [2, 3])
  }

  @Test(.timeLimit(.minutes(5)))
  func `what runs ends on the code it began with, and none is lost or wrong`() async throws {
    let text = Wat.sleep(nanoseconds: 200_000_000)
    let module = try await command(text, .quick)
    let before = module.withLinked({ $0 })
    let better = try await linked(try wasm(text), .optimised)
    let (gate, opening) = AsyncStream.makeStream(of: Void.self)
    module.replace { _ in
      for await () in gate { break }
      return better
    }
    let engine = try SharedEngine.engine.get()
    let reports = await withTaskGroup(of: [UInt8]?.self) { group in
      for _ in 0..<20 { group.addTask { output(await module.run(activation())) } }
      while engine.facts.liveInstances == 0 { await Task.yield() }
      #expect(module.withLinked({ $0 }) === before && module.mode == .quick)
      opening.finish()
      // Of the old code, sleeping while it is replaced; of both; and of the new one.
      #expect(await module.optimised())
      #expect(module.withLinked({ $0 }) === better)
      for _ in 0..<20 { group.addTask { output(await module.run(activation())) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(reports == Array(repeating: [33], count: 40))
  }

  @Test func `code that cannot be made better stays as it is`() async throws {
    let module = try await command(Wat.increment, .quick)
    module.replace { _ throws(Problem) in throw Problem(.overloaded, code: "compiler_busy", "no") }
    #expect(await !module.optimised())
    #expect(module.mode == .quick)
    #expect(output(await module.run(activation(input: [1]))) == [2])
  }

  @Test func `what is cached is optimised at once`() async throws {
    let folder = TemporaryFolder()
    var configuration = EngineConfiguration(machine: MachineFacts.read())
    configuration.workers = 1
    configuration.instanceSlots = 4
    let bytes = try wasm(Wat.increment)
    for isCached in [false, true] {
      let engine = try WasmtimeEngine(configuration: configuration, cacheFolder: folder.path)
      defer { engine.stop() }
      let module = try await engine.prepare(bytes, digest: digest(1), startingWith: .quick)
      #expect(!isCached || module.mode == .optimised)
      #expect(await module.optimised())
    }
  }

  @Test func `what nobody wants any more is not compiled`() async throws {
    let bytes = try wasm(Wat.increment)
    let problem = await #expect(throws: Problem.self) {
      try await withCompiler { compiler in
        try await compiler.compile(bytes, digest: digest(1), .optimised) { false }
      }
    }
    #expect(problem?.code == "not_wanted")
  }

  @Test(arguments: CodeMode.allCases)
  func `a module that is no module is refused`(mode: CodeMode) async throws {
    let problem = await #expect(throws: Problem.self) {
      try await SharedEngine.engine.get().prepare([0, 1], digest: digest(1), startingWith: mode)
    }
    #expect(problem?.code == "module_invalid")
  }

  @Test func `limits hold in quick code`() async throws {
    let spin = try await command(Wat.spin, .quick)
    #expect(
      failure(await spin.run(activation(limits: ActivationLimits(cpuTime: .milliseconds(20)))))?
        .code == .cpuTimeLimit)
    let deep = try await command(Wat.recurse, .quick)
    #expect(failure(await deep.run(activation()))?.code == .stackLimit)
  }
}
