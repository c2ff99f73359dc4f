import ClusterModel
import Foundation
import HostPorts
import Supervision
import SwiftProtobuf
import Synchronization
import WireMessages

// What the control plane asks of an agent beside invocations. An agent that does not answer in time may be
// frozen: then what it said last counts, or nothing.
extension RemoteAgent {
  func facts() async -> NodeFacts {
    if case .facts(let wire)? = await inquire({ $0.facts = WireEmpty() })?.answer,
      let facts = try? wire.facts()
    {
      state.withLock { $0.facts = facts }
    }
    return state.withLock { $0.facts }
  }

  func placementStatuses() async -> [PlacementStatus]? {
    guard let answer = await inquire({ $0.placements = WireEmpty() }) else { return nil }
    switch answer.answer {
    case .placements(let wire):
      return wire.placements.compactMap { try? $0.status() }.filter { $0.node == node }
    // An agent of an earlier release says nothing when there are none.
    case nil: return []
    case .facts, .serviceKilled, .supervisionJson, .childKilled, .distribution, .logLines,
      .problem, .end:
      return nil
    }
  }

  func distribution() async -> [DistributionStatus]? {
    guard
      case .distribution(let wire)? = await inquire({ $0.distribution = WireEmpty() })?.answer
    else { return nil }
    return wire.items.compactMap { try? $0.status() }.filter { $0.node == node }
  }

  func killService(_ module: QualifiedName) async -> Bool {
    let answer = await inquire { $0.killService = WireQualifiedName(module) }
    if case .serviceKilled(let isKilled)? = answer?.answer { return isKilled }
    return false
  }

  func disturb(_ disturbance: NodeDisturbance) async throws(Problem) {
    guard let id = nextInquiry({ _, _ in }) else { throw unreachable }
    var inquiry = WireInquiry()
    inquiry.id = id
    switch disturbance {
    case .kill: inquiry.disturb.kill = WireEmpty()
    case .freeze(let duration): inquiry.disturb.freezeNs = UInt64(wire: duration)
    case .partition(let duration): inquiry.disturb.partitionNs = UInt64(wire: duration)
    }
    if !frames.send(.with { $0.inquiry = inquiry }) { end() }
  }

  func supervision() async throws(Problem) -> SupervisionStatus {
    let answer = await inquire { $0.supervision = WireEmpty() }?.answer
    if case .supervisionJson(let bytes)? = answer,
      let status = try? JSONDecoder().decode(SupervisionStatus.self, from: bytes)
    {
      return status
    }
    throw problem(of: answer)
  }

  func kill(child path: String) async throws(Problem) {
    let answer = await inquire { $0.killChild = path }?.answer
    guard case .childKilled? = answer else { throw problem(of: answer) }
  }

  /// Why there is not the answer that was hoped for.
  private func problem(of answer: WireInquiryAnswer.OneOf_Answer?) -> Problem {
    if case .problem(let wire)? = answer { return wire.problem }
    return unreachable
  }

  func logLines(of module: QualifiedName) async -> [LogLine] {
    guard
      case .logLines(let wire)? =
        await inquire({ $0.logLines = WireQualifiedName(module) })?.answer
    else { return [] }
    return (try? wire.lines()) ?? []
  }

  func followLog(of module: QualifiedName) async throws(Problem) -> AsyncStream<LogLine> {
    // Bounded by the frames that may wait: a reader that does not keep up misses lines.
    let (lines, continuation) = AsyncStream.makeStream(
      of: LogLine.self, bufferingPolicy: .bufferingNewest(WireLimits.waitingFrames))
    let id = nextInquiry { $0.followers[$1] = continuation }
    guard let id else { throw unreachable }
    continuation.onTermination = { [weak self] _ in self?.stopFollowing(id) }
    let first = await inquire(as: id) { $0.followLog = WireQualifiedName(module) }
    switch first?.answer {
    case .logLines: return lines
    case .problem(let problem):
      continuation.finish()
      throw problem.problem
    case .facts, .placements, .serviceKilled, .supervisionJson, .childKilled, .distribution, .end,
      nil:
      continuation.finish()
      throw unreachable
    }
  }

  private var unreachable: Problem {
    Problem(
      .unavailable, code: "node_unreachable", "node \(node) does not answer",
      next: "See how it is with `wasmatrix nodes`.")
  }

  private func stopFollowing(_ id: UInt64) {
    let wasFollowing = state.withLock { $0.followers.removeValue(forKey: id) != nil }
    guard wasFollowing else { return }
    let inquiry = WireInquiry.with {
      $0.id = id
      $0.cancel = WireEmpty()
    }
    if !frames.send(.with { $0.inquiry = inquiry }) { end() }
  }

  private func nextInquiry(_ register: (inout State, UInt64) -> Void) -> UInt64? {
    state.withLock { state in
      guard !state.isOver else { return nil }
      state.lastInquiry += 1
      register(&state, state.lastInquiry)
      return state.lastInquiry
    }
  }

  private func inquire(
    _ fill: (inout WireInquiry) -> Void
  ) async -> WireInquiryAnswer? {
    guard let id = nextInquiry({ _, _ in }) else { return nil }
    return await inquire(as: id, fill)
  }

  private func inquire(
    as id: UInt64, _ fill: (inout WireInquiry) -> Void
  ) async -> WireInquiryAnswer? {
    var inquiry = WireInquiry()
    inquiry.id = id
    fill(&inquiry)
    let impatience = Task { [weak self, inquiryPatience] in
      // Cancelled by the answer.
      guard (try? await Task.sleep(for: inquiryPatience)) != nil else { return }
      self?.answered(id, nil)
    }
    defer { impatience.cancel() }
    return await withCheckedContinuation { continuation in
      let isAsked = state.withLock { state in
        guard !state.isOver else { return false }
        state.inquiries[id] = continuation
        return true
      }
      guard isAsked else { return continuation.resume(returning: nil) }
      if !frames.send(.with { $0.inquiry = inquiry }) { end() }
    }
  }

  private func answered(_ id: UInt64, _ answer: WireInquiryAnswer?) {
    state.withLock { $0.inquiries.removeValue(forKey: id) }?.resume(returning: answer)
  }

  /// The agent has answered an inquiry, or goes on to.
  func take(_ answer: WireInquiryAnswer) throws(WireFault) {
    let follower = state.withLock { $0.followers[answer.id] }
    if let follower {
      switch answer.answer {
      case .logLines(let wire): for line in try wire.lines() { follower.yield(line) }
      case .end: follower.finish()
      case .facts, .placements, .serviceKilled, .supervisionJson, .childKilled, .distribution,
        .problem, nil:
        break
      }
    }
    answered(answer.id, answer)
  }
}
