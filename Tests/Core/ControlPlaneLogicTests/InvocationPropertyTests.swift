import ClusterModel
import NodeTracking
import PropertyTesting
import Testing

@testable import ControlPlaneLogic

/// Invocations through whatever a script does to the nodes that run them.
@Suite struct InvocationPropertyTests {
  private enum Step: Hashable {
    case ask(isIdempotent: Bool, milliseconds: Int)
    case end(Int, Int)
    case die(Int), come(Int), wait(Int), withdraw(Int)
  }

  private static let step = Generator<Step>.oneOf([
    zip(Generator<Int>.int(in: 0...1), Generator<Int>.int(in: 1...400)).map {
      .ask(isIdempotent: $0 == 1, milliseconds: $1)
    },
    zip(Generator<Int>.int(in: 0...5), Generator<Int>.int(in: 0...20)).map { .end($0, $1) },
    zip(Generator<Int>.int(in: 0...5), Generator<Int>.int(in: 0...20)).map { .end($0, $1) },
    Generator<Int>.int(in: 0...2).map { .die($0) },
    Generator<Int>.int(in: 0...2).map { .come($0) },
    Generator<Int>.int(in: 1...300).map { .wait($0) },
    Generator<Int>.int(in: 0...20).map { .withdraw($0) },
  ])

  private struct Wrong: Error, CustomStringConvertible { let description: String }

  private static let ends: [InvocationEnd] = [
    .answered(isFaultOfNode: false), .answered(isFaultOfNode: true), .notRun(.unreachable),
    .notRun(.notServed), .notRun(.overloaded), .lost,
  ]
  private static let names = ["a", "b", "c"]

  private static func play(_ steps: [Step]) throws {
    var plane = ControlPlaneDriver()
    plane.serve(on: names, PlacementRules(replicas: 2, fallbacks: 1))
    var incarnations: [UInt64] = [1, 1, 1]
    var asked: [RequestID: Bool] = [:]
    /// Attempts that are known not to have run.
    var notRun: Set<UInt64> = []
    for step in steps {
      switch step {
      case .ask(let isIdempotent, let milliseconds):
        let before = Set(plane.asked)
        _ = plane.invoke(
          InvocationOptions(timeout: .milliseconds(milliseconds), isIdempotent: isIdempotent))
        for request in plane.asked where !before.contains(request) {
          asked[request] = isIdempotent
        }
      case .end(let kind, let index):
        guard !plane.invocations.isEmpty else { continue }
        let attempt = index % plane.invocations.count
        if case .notRun = ends[kind], plane.isUnderWay(attempt) {
          notRun.insert(plane.invocations[attempt].route.run)
        }
        _ = plane.end(attempt, ends[kind])
      case .die(let index):
        guard incarnations[index] % 2 == 1 else { continue }
        _ = plane.die(names[index], .processEnded, incarnation: incarnations[index])
        incarnations[index] += 1
      case .come(let index):
        guard incarnations[index] % 2 == 0 else { continue }
        incarnations[index] += 1
        _ = plane.attach(names[index], incarnation: incarnations[index])
      case .wait(let milliseconds):
        // Whoever has started again does not beat, and is taken for lost in time.
        let beating = names.indices.filter { incarnations[$0] == 1 }.map { names[$0] }
        _ = plane.wait(.milliseconds(milliseconds), beating: beating)
      case .withdraw(let index):
        guard !plane.asked.isEmpty else { continue }
        _ = plane.tell(.invocationWithdrawn(plane.asked[index % plane.asked.count]))
      }
      for (index, name) in names.enumerated() where incarnations[index] % 2 == 1 {
        _ = plane.obey(name, incarnation: incarnations[index])
      }
    }
    _ = plane.wait(.milliseconds(500), beating: [])
    for (request, isIdempotent) in asked {
      let runs = plane.invocations.filter {
        $0.request == request && !notRun.contains($0.route.run)
      }
      if runs.count > 1, !isIdempotent { throw Wrong(description: "\(request.number) runs twice") }
      let answers = plane.answers.count { $0.request == request }
      if answers != 1 { throw Wrong(description: "\(request.number) has \(answers) answers") }
    }
    guard plane.logic.invocations.count == 0, plane.logic.invocations.waitingCount == 0,
      plane.logic.balancer.isIdle
    else { throw Wrong(description: "something is remembered of invocations that have ended") }
  }

  // Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, what was asked for is answered
  @Test
  func `everyone has one answer by their deadline, and nothing runs twice that does harm`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 9: invocations survive what happens to nodes", cases: 300,
      Self.step.array(count: 1...40)
    ) { steps in
      try Self.play(steps)
      return true
    }
  }
}
