import ClusterModel
import HostPorts
import ProcessTesting
import Testing

@testable import WasmtimeEngine

@Suite struct PreparingTests {
  private func refusal(_ text: String) async throws -> Problem? {
    do {
      _ = try await SharedEngine.prepare(text)
      return nil
    } catch let problem as Problem {
      return problem
    }
  }

  @Test func `an import that no capability offers is refused by name`() async throws {
    let problem = try await refusal(
      "(module (import \"env\" \"launch\" (func)) (func (export \"_start\")))")
    #expect(problem?.code == "import_unknown")
    #expect(problem?.message.contains("env.launch") == true)
  }

  @Test func `a known import of another type is refused`() async throws {
    let problem = try await refusal(
      """
      (module (import "wasi_snapshot_preview1" "fd_read" (func (param i64)))
        (memory (export "memory") 1) (func (export "_start")))
      """)
    #expect(problem?.code == "import_mismatch")
  }

  @Test func `a module without an entry is refused`() async throws {
    #expect(try await refusal("(module)")?.code == "entry_missing")
    #expect(
      try await refusal("(module (func (export \"_start\") (param i32)))")?.code == "entry_missing")
  }

  @Test func `a module that calls WASI without a memory is refused`() async throws {
    let problem = try await refusal(
      """
      (module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (func (export "_start")))
      """)
    #expect(problem?.code == "memory_missing")
  }

  @Test func `a start function that traps fails the activation, not the engine`() async throws {
    let module = try await SharedEngine.prepare(
      """
      (module (memory (export "memory") 1) (func $s unreachable) (start $s)
        (func (export "_start")))
      """)
    #expect(failure(await module.run(activation()))?.code == .startFailed)
  }

  @Test func `thousands of malformed modules are refused and nothing crashes`() async throws {
    let engine = try SharedEngine.engine.get()
    let digest = ModuleDigest(sha256: [UInt8](repeating: 1, count: 32))
    let valid = try wasm(Wat.increment)
    var random = SystemRandomNumberGenerator()
    for number in 0..<3000 {
      var bytes = valid
      switch number % 3 {
      case 0: bytes = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
      case 1:
        for _ in 0..<Int.random(in: 1...8, using: &random) {
          bytes[Int.random(in: 8..<bytes.count, using: &random)] = UInt8.random(
            in: 0...255, using: &random)
        }
      case _:
        bytes =
          Array(valid.prefix(8))
          + (0..<Int.random(in: 0...400, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
          }
      }
      // Mutants that are valid run, within small limits.
      guard let module = try? await engine.prepare(bytes, digest: digest) else { continue }
      _ = await module.run(
        activation(
          input: [1, 2, 3],
          limits: ActivationLimits(
            memory: .mebibytes(4), cpuTime: .milliseconds(5), wallTime: .milliseconds(20))))
    }
    let module = try await engine.prepare(valid, digest: digest)
    #expect(output(await module.run(activation(input: [1]))) == [2])
  }

  @Test func `a configuration that the library would abort on is refused before`() throws {
    let machine = MachineFacts.read()
    let breakages: [(inout EngineConfiguration) -> Void] = [
      { $0.instanceSlots = 40_000 }, { $0.fiberStack = $0.guestStack }, { $0.workers = 0 },
      { $0.guestStack = .gibibytes(1) }, { $0.tick = .zero },
    ]
    for breakage in breakages {
      var configuration = EngineConfiguration(machine: machine)
      breakage(&configuration)
      let broken = configuration
      #expect(throws: Problem.self) { try broken.validate(on: machine) }
    }
    try EngineConfiguration(machine: machine).validate(on: machine)
  }
}
