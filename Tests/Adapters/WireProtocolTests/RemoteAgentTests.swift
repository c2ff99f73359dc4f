import ClusterModel
import HostPorts
import SwiftProtobuf
import Synchronization
import Testing
import WireMessages

@testable import WireProtocol

@Suite(.timeLimit(.minutes(10)))
struct RemoteAgentTests {
  private static func agent(_ orders: RunQueue = RunQueue()) -> RemoteAgent {
    RemoteAgent(
      WireTests.node, Incarnation(1), session: "s", facts: TestAgent.facts, features: [],
      programVersion: nil, documents: OrderDocuments(), frames: OutboundQueue(), orders: orders,
      heartbeats: nil, inquiryPatience: TestWire.patience)
  }

  /// Who has a thread of its own asks without a task.
  @Test func `an invocation that was begun is answered once, whoever is first`() async {
    for round in 0..<2_000 {
      let agent = Self.agent()
      agent.grant(3)
      let answers = Mutex<[Int: [ActivationFailure.Code?]]>([:])
      @Sendable func begin(_ index: Int) -> @Sendable () -> Void {
        Self.begin(on: agent) { code in answers.withLock { $0[index, default: []].append(code) } }
      }
      let cancels = (0..<4).map(begin)
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          for _ in 0..<(round % 8) { await Task.yield() }; agent.end()
        }
        group.addTask {
          for _ in 0..<(round % 5) { await Task.yield() }; cancels[0]()
        }
        group.addTask { try? agent.take(Self.report(of: 2)) }
      }
      for cancel in cancels { cancel() }
      let all = answers.withLock { $0 }
      #expect((0..<4).allSatisfy { all[$0]?.count == 1 }, "round \(round): \(all)")
      #expect(all[0] == [.cancelled] || all[0] == [.nodeLost], "round \(round): \(all)")
      #expect(all[1] == [nil] || all[1] == [.nodeLost], "round \(round): \(all)")
      // There was no credit left for it.
      #expect(all[3] == [.overloaded], "round \(round): \(all)")
    }
  }

  @Test func `what was sent to a node that is lost is not waited for, and others may be sent`() {
    let agent = Self.agent()
    agent.grant(2)
    let answers = Mutex<[ActivationFailure.Code?]>([])
    @Sendable func begin() -> @Sendable () -> Void {
      Self.begin(on: agent) { code in answers.withLock { $0.append(code) } }
    }
    let cancel = begin()
    agent.abandonRuns()
    #expect(answers.withLock { $0 } == [.nodeLost])
    cancel()
    // The answer of one that was abandoned is nobody's, and gives its credit back.
    #expect(throws: Never.self) { try agent.take(Self.report(of: 1)) }
    _ = begin()
    #expect(throws: Never.self) { try agent.take(Self.report(of: 2)) }
    #expect(answers.withLock { $0 } == [.nodeLost, nil])
    agent.end()
  }

  @Test func `who has too much data on its way is given no more until some has left`() async {
    let agent = Self.agent(RunQueue(mostData: ByteCount(bytes: 10)))
    agent.grant(2)
    let answers = Mutex<[ActivationFailure.Code?]>([])
    @Sendable func begin(_ bytes: Int) {
      _ = Self.begin(on: agent, bytes) { code in answers.withLock { $0.append(code) } }
    }
    begin(10)
    begin(1)
    #expect(answers.withLock { $0 } == [.overloaded])
    #expect(await agent.orders.next()?.id == 1)
    // The credit of what was refused is there again.
    begin(1)
    #expect(answers.withLock { $0 } == [.overloaded])
    #expect(await agent.orders.next()?.id == 3)
    agent.end()
    #expect(answers.withLock { $0 } == [.overloaded, .nodeLost, .nodeLost])
  }

  /// - Parameter answer: hears of which kind the failure was; `nil` when there was none.
  private static func begin(
    on agent: RemoteAgent, _ bytes: Int = 0,
    answer: @escaping @Sendable (ActivationFailure.Code?) -> Void
  ) -> @Sendable () -> Void {
    agent.begin(
      WireTests.placement, under: PlanVersion(term: 1, counter: 1),
      on: WireTests.event("begin", [UInt8](repeating: 0, count: bytes)), attempt: 1
    ) { report in
      guard case .failure(let failure) = report.result else { return answer(nil) }
      answer(failure.code)
    }
  }

  private static func report(of id: UInt64) throws -> WireRunAnswer {
    let report = try WireActivationReport(ActivationReport(result: .success([1])), id: id)
    return .with { $0.report = report }
  }

  @Test func `its streams end with it, whether its end came before them or after`() async throws {
    let agent = Self.agent()
    async let early: Void = agent.untilOver()
    agent.closed()
    #expect(agent.isClosed)
    try await early
    try await agent.untilOver()
  }

  /// The attachment ends before, while and after they are asked for.
  @Test func `whoever asks while the attachment ends is answered`() async {
    for round in 0..<2_000 {
      let agent = Self.agent()
      agent.grant(8)
      let codes = await withTaskGroup(of: ActivationFailure.Code?.self) { group in
        for _ in 0..<4 {
          group.addTask {
            let event = WireTests.event("run")
            let report = await agent.run(
              WireTests.placement, under: PlanVersion(term: 1, counter: 1), on: event, attempt: 1)
            guard case .failure(let failure) = report.result else { return nil }
            return failure.code
          }
        }
        group.addTask {
          for _ in 0..<(round % 16) { await Task.yield() }
          agent.end()
          return nil
        }
        return await group.reduce(into: [ActivationFailure.Code?]()) { $0.append($1) }
      }
      #expect(
        codes.count { $0 == .unavailable || $0 == .nodeLost } == 4, "round \(round): \(codes)")
    }
  }
}
