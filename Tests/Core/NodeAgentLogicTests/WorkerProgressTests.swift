import ClusterModel
import NodeAgentLogic
import PropertyTesting
import Testing

struct WorkerProgressTests {
  private func workers(_ states: [(steps: UInt64, isAwake: Bool)]) -> [WorkerState] {
    states.map { WorkerState(steps: $0.steps, isAwake: $0.isAwake) }
  }

  @Test func `it grows when all that are at work have made a step`() {
    var progress = WorkerProgress()
    let first = progress.look(at: workers([(1, true), (1, true)]), queued: 0).progress
    #expect(progress.look(at: workers([(2, true), (1, true)]), queued: 0).progress == first)
    #expect(progress.look(at: workers([(2, true), (2, true)]), queued: 0).progress == first + 1)
  }

  @Test func `one that is stuck stops it, however busy the others are`() {
    var progress = WorkerProgress()
    let first = progress.look(at: workers([(1, true), (9, true)]), queued: 0).progress
    for step in 2..<1000 {
      let seen = progress.look(at: workers([(UInt64(step), true), (9, true)]), queued: 3)
      #expect(seen.progress == first)
      #expect(seen.isBusy)
    }
  }

  @Test func `one that sleeps stops nobody`() {
    var progress = WorkerProgress()
    let first = progress.look(at: workers([(1, true), (9, false)]), queued: 0).progress
    #expect(progress.look(at: workers([(2, true), (9, false)]), queued: 0).progress == first + 1)
  }

  @Test func `nothing gets on when work waits and all sleep`() {
    var progress = WorkerProgress()
    let first = progress.look(at: workers([(1, false)]), queued: 1).progress
    let seen = progress.look(at: workers([(1, false)]), queued: 1)
    #expect(seen.progress == first)
    #expect(seen.isBusy)
    #expect(!progress.look(at: workers([(1, false)]), queued: 0).isBusy)
  }

  @Test func `another engine is another beginning`() {
    var progress = WorkerProgress()
    let first = progress.look(at: workers([(100, true)]), queued: 0).progress
    #expect(progress.look(at: workers([(1, true), (1, true)]), queued: 0).progress == first + 1)
  }

  /// However slow a machine is: that each worker gets on within a second is enough.
  @Test func `workers that get on now and then are never stuck`() async throws {
    let rounds = Generator<Int>.int(in: 0...3).array(count: 40...200)
    try await checkProperty("slow workers get on", rounds) { rounds in
      var progress = WorkerProgress()
      var steps: [UInt64] = [0, 0, 0, 0]
      _ = progress.look(
        at: steps.map { WorkerState(steps: $0, isAwake: true) }, queued: 1)
      var missing = Set(0..<4)
      var expected: UInt64 = 1
      for round in rounds {
        steps[round] += 1
        missing.remove(round)
        if missing.isEmpty {
          expected += 1
          missing = Set(0..<4)
        }
        let seen = progress.look(
          at: steps.map { WorkerState(steps: $0, isAwake: true) }, queued: 1)
        guard seen.progress == expected else { return false }
      }
      return true
    }
  }
}
