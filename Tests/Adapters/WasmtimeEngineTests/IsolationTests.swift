import ClusterModel
import HostPorts
import PropertyTesting
import Synchronization
import Testing

@testable import WasmtimeEngine

/// No instance sees what another one has, had or left behind.
@Suite(.timeLimit(.minutes(10))) struct IsolationTests {
  /// One activation of a scenario.
  private struct Step: Hashable {
    var guest: Int
    var orders: StainingGuest.Orders
    var isCancelled: Bool
  }

  private static func steps(_ count: ClosedRange<Int>) -> Generator<[Step]> {
    Generator<Step> { choices in
      func number(_ range: ClosedRange<UInt8>) -> UInt8 {
        Generator<UInt8>.int(in: range).generate(&choices)
      }
      // What has to be waited for is rare, so that there are many of the others.
      let ending = StainingGuest.Ending(rawValue: number(0...(number(0...3) == 3 ? 7 : 2)))
      return Step(
        guest: Int(number(0...2)),
        orders: StainingGuest.Orders(
          stain: number(1...255), pages: number(0...8), elements: number(0...100),
          sleep: number(0...3) == 3 ? number(1...3) : 0, ending: ending ?? .done),
        isCancelled: number(0...9) == 9)
    }.array(count: count)
  }

  /// An engine of few slots, so that they are used again and again, with the guests.
  private func withGuests(
    workers: Int, slots: Int,
    _ body: (WasmtimeEngine, [any PreparedModule]) async throws -> Void
  ) async throws {
    var configuration = EngineConfiguration(machine: MachineFacts.read())
    configuration.workers = workers
    configuration.instanceSlots = slots
    configuration.memoryBudget = .gibibytes(1)
    let engine = try WasmtimeEngine(configuration: configuration)
    defer { engine.stop() }
    var modules: [any PreparedModule] = []
    for (index, guest) in StainingGuest.all.enumerated() {
      let digest = ModuleDigest(sha256: [UInt8](repeating: UInt8(index), count: 32))
      // Code of both modes shares the slots.
      modules.append(
        try await engine.prepare(
          try wasm(guest.text), digest: digest, startingWith: index == 0 ? .quick : .optimised))
    }
    try await body(engine, modules)
  }

  private static func run(_ step: Step, _ modules: [any PreparedModule]) async -> String? {
    let task = Task {
      await modules[step.guest].run(
        activation(input: step.orders.input, limits: step.orders.limits))
    }
    if step.isCancelled { task.cancel() }
    return complaint(await task.value, step)
  }

  /// What is wrong with how an activation ended; `nil` for nothing.
  private static func complaint(_ report: ActivationReport, _ step: Step) -> String? {
    let log = String(decoding: report.log, as: UTF8.self)
    let code = failure(report)?.code
    let isWhole = log == "PS" && code == step.orders.code
    let mayBePart = step.isCancelled && code == .cancelled || step.orders.isHurried
    let isPart = "PS".hasPrefix(log) && [.cancelled, step.orders.code].contains(code)
    guard isWhole || mayBePart && isPart else {
      return "\(step) ended with \(log), \(report.result)"
    }
    guard report.usage.memory <= step.orders.limits.memory else {
      return "\(step): \(report.usage)"
    }
    return nil
  }

  private struct Dirt: Error, CustomStringConvertible { let description: String }

  /// Nothing is counted any more when nothing runs.
  private static func check(_ engine: WasmtimeEngine) throws {
    let held = engine.queue.memoryInUse.load(ordering: .relaxed)
    guard held == 0, engine.facts.liveInstances == 0, engine.facts.queuedActivations == 0 else {
      throw Dirt(description: "\(held) bytes are still counted, \(engine.facts)")
    }
  }

  // Feature: wasmatrix, Property 5: For any Wasm module execution, the Node_Agent should strictly enforce
  // capability-based permissions, and provide memory isolation between instances
  @Test func `no instance sees memory, globals or tables of another, whatever runs beside it`()
    async throws
  {
    try await withGuests(workers: 2, slots: 8) { engine, modules in
      try await checkProperty(
        "Feature: wasmatrix, Property 5: memory isolation between instances in any interleaving",
        cases: 100, Self.steps(1...24)
      ) { steps in
        let complaints = await withTaskGroup(of: String?.self) { group in
          for step in steps { group.addTask { await Self.run(step, modules) } }
          return await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
        }
        if let first = complaints.first { throw Dirt(description: first) }
        try Self.check(engine)
        return true
      }
    }
  }

  // Feature: wasmatrix, Property 8: For any Wasm module lifecycle operation, the system should use
  // kill-and-restart strategies: every start is a fresh instance
  @Test func `every start is fresh, however the one before in the same slot ended`() async throws {
    // The guest with two memories needs two slots: all three use the same.
    try await withGuests(workers: 1, slots: 2) { engine, modules in
      try await checkProperty(
        "Feature: wasmatrix, Property 8: every start is a fresh instance", cases: 100,
        Self.steps(2...10)
      ) { steps in
        for step in steps {
          if let complaint = await Self.run(step, modules) { throw Dirt(description: complaint) }
        }
        try Self.check(engine)
        return true
      }
    }
  }

  // Feature: wasmatrix, Property 10: For any Wasm module execution, the Node_Agent should support massive
  // parallelism without degradation
  @Test func `however many are asked for at once, each gets its own answer and nothing remains`()
    async throws
  {
    try await withGuests(workers: 2, slots: 16) { engine, _ in
      let module = try await engine.prepare(
        try wasm(Wat.increment), digest: ModuleDigest(sha256: [UInt8](repeating: 9, count: 32)))
      try await checkProperty(
        "Feature: wasmatrix, Property 10: massive parallelism, each its own answer", cases: 100,
        Generator<[UInt8]>.bytes(count: 0...20).array(count: 1...200)
      ) { inputs in
        let answers = await withTaskGroup(of: (Int, [UInt8]?).self) { group in
          for (index, input) in inputs.enumerated() {
            group.addTask { (index, output(await module.run(activation(input: input)))) }
          }
          return await group.reduce(into: [Int: [UInt8]?]()) { $0[$1.0] = $1.1 }
        }
        try Self.check(engine)
        return inputs.indices.allSatisfy { answers[$0] == inputs[$0].map { $0 &+ 1 } }
      }
    }
  }
}
