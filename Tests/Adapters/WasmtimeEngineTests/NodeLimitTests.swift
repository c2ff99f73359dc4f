import ClusterModel
import DedicatedThreads
import Glibc
import HostPorts
import Synchronization
import Testing

@testable import WasmtimeEngine

/// What holds for all instances of a node together, with an engine that is small.
@Suite struct NodeLimitTests {
  private static let small = {
    var configuration = EngineConfiguration(machine: MachineFacts.read())
    configuration.workers = 1
    configuration.instanceSlots = 4
    configuration.queueLength = 8
    configuration.memoryBudget = .gibibytes(1)
    return configuration
  }()

  private func withEngine<Value>(
    _ change: (inout EngineConfiguration) -> Void,
    _ body: (WasmtimeEngine) async throws -> Value
  ) async throws -> Value {
    var configuration = Self.small
    change(&configuration)
    let engine = try WasmtimeEngine(configuration: configuration)
    defer { engine.stop() }
    return try await body(engine)
  }

  private func prepare(_ text: String, _ engine: WasmtimeEngine) async throws -> any PreparedModule
  {
    try await engine.prepare(
      try wasm(text), digest: ModuleDigest(sha256: [UInt8](repeating: 7, count: 32)))
  }

  private static let hour = 3_600_000_000_000
  private static let patient = ActivationLimits(wallTime: .seconds(3600))

  @Test func `beyond the live instances and the queue the answer is overloaded`() async throws {
    try await withEngine({ ($0.instanceSlots, $0.queueLength) = (2, 3) }) { engine in
      let sleeper = try await prepare(Wat.sleep(nanoseconds: Self.hour), engine)
      let running = (0..<2).map { _ in
        Task { await sleeper.run(activation(limits: Self.patient)) }
      }
      while engine.facts.liveInstances < 2 { await Task.yield() }
      let waiting = (0..<3).map { _ in
        Task { await sleeper.run(activation(limits: Self.patient)) }
      }
      while engine.facts.queuedActivations < 3 { await Task.yield() }
      let found = failure(await sleeper.run(activation()))
      #expect(found?.code == .overloaded)
      #expect(engine.facts.liveInstances == 2)
      for task in running + waiting {
        task.cancel()
        #expect(failure(await task.value)?.code == .cancelled)
      }
      // And there is room again.
      let short = try await prepare(Wat.increment, engine)
      #expect(output(await short.run(activation(input: [1]))) == [2])
    }
  }

  @Test func `an instance with several memories takes as many slots`() async throws {
    try await withEngine({ $0.instanceSlots = 5 }) { engine in
      let two = Wat.sleep(nanoseconds: Self.hour)
        .replacing("(func (export", with: "(memory 1) (func (export")
      let module = try await prepare(two, engine)
      let running = Task {
        await withTaskGroup(of: ActivationFailure.Code?.self) { group in
          for _ in 0..<3 {
            group.addTask { failure(await module.run(activation(limits: Self.patient)))?.code }
          }
          return await group.reduce(into: []) { $0.append($1) }
        }
      }
      while engine.facts.liveInstances < 2 { await Task.yield() }
      #expect(engine.facts.queuedActivations == 1)
      running.cancel()
      #expect(await running.value == [.cancelled, .cancelled, .cancelled])
      let four = "(module (memory 1) (memory 1) (memory 1) (memory 1) (func (export \"_start\")))"
      #expect(failure(await (try prepare(four, engine)).run(activation())) == nil)
    }
    try await withEngine({ $0.instanceSlots = 2 }) { engine in
      let problem = await #expect(throws: Problem.self) {
        try await prepare(
          "(module (memory 1) (memory 1) (memory 1) (func (export \"_start\")))", engine)
      }
      #expect(problem?.code == "node_too_small")
    }
  }

  /// Grows to 12 MiB and sleeps.
  private static let bigSleeper = Wat.sleep(nanoseconds: hour).replacing(
    "(i32.store (i32.const 16)",
    with: "(drop (memory.grow (i32.const 190))) (i32.store (i32.const 16)")

  @Test func `all instances together stay within the memory of the node`() async throws {
    try await withEngine({ $0.memoryBudget = .mebibytes(16) }) { engine in
      let module = try await prepare(Self.bigSleeper, engine)
      let first = Task { await module.run(activation(limits: Self.patient)) }
      while engine.queue.memoryInUse.load(ordering: .relaxed) < 12 << 20 { await Task.yield() }
      let second = await module.run(activation(limits: ActivationLimits(wallTime: .seconds(20))))
      #expect(failure(second)?.code == .overloaded)
      #expect(engine.queue.memoryInUse.load(ordering: .relaxed) < 16 << 20)
      first.cancel()
      #expect(failure(await first.value)?.code == .cancelled)
      #expect(engine.queue.memoryInUse.load(ordering: .relaxed) == 0)
    }
  }

  @Test func `CPU time is that of the guest, not of others on the machine`() async throws {
    // A processor that the guest shares with three others: it has about a quarter of it.
    let stop = SharedFlag()
    let configuration = Self.small
    let (engines, handOver) = AsyncStream.makeStream(of: Result<WasmtimeEngine, Problem>.self)
    let keeper = DedicatedThread(name: "test-keeper", urgency: .ordinary) {
      // Threads begin with the processors of the one that starts them.
      Self.stayOnOneProcessor()
      do throws(Problem) {
        handOver.yield(.success(try WasmtimeEngine(configuration: configuration)))
      } catch {
        handOver.yield(.failure(error))
      }
      let burners = (0..<3).map { _ in
        DedicatedThread(name: "test-burner", urgency: .ordinary) { while !stop.isSet {} }
      }
      for burner in burners { burner.join() }
    }
    var iterator = engines.makeAsyncIterator()
    let engine = try #require(await iterator.next()).get()
    let module = try await prepare(Wat.spin, engine)
    let report = await module.run(
      activation(limits: ActivationLimits(cpuTime: .milliseconds(60), wallTime: .seconds(600))))
    stop.set()
    keeper.join()
    engine.stop()
    #expect(failure(report)?.code == .cpuTimeLimit)
    #expect(report.usage.wallTime > report.usage.cpuTime * 3 / 2, "\(report.usage)")
  }

  private static func stayOnOneProcessor() {
    var allowed = cpu_set_t()
    _ = affinity(0, MemoryLayout<cpu_set_t>.size, &allowed)
    withUnsafeMutableBytes(of: &allowed) { bytes in
      guard let first = bytes.firstIndex(where: { $0 != 0 }) else { return }
      let bit = bytes[first] & (~bytes[first] &+ 1)
      for index in bytes.indices { bytes[index] = 0 }
      bytes[first] = bit
    }
    _ = setAffinity(0, MemoryLayout<cpu_set_t>.size, &allowed)
  }
}

// Glibc's module leaves these two out.
@_silgen_name("sched_getaffinity")
private func affinity(_ thread: pid_t, _ size: Int, _ set: UnsafeMutablePointer<cpu_set_t>) -> Int32
@_silgen_name("sched_setaffinity")
private func setAffinity(_ thread: pid_t, _ size: Int, _ set: UnsafePointer<cpu_set_t>) -> Int32

private final class SharedFlag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
