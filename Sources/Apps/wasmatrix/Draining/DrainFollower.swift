import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts
import Scheduling

/// Waits until nothing is left on a node that is being drained, and shows what comes of it.
struct DrainFollower: Sendable {
  let client: APIClient
  let node: NodeID
  let timeout: Duration

  /// Between two looks: each asks all nodes.
  private static let interval = Duration.milliseconds(250)
  /// So long something may take to be made ready elsewhere before it is asked why it has not left.
  private static let patience = Duration.seconds(2)
  /// Of more modules it is not asked, and of more nodes it is not said, why.
  private static let mostExplained = 10
  private static let mostReasons = 3

  /// What is ready on the node now.
  func held() async throws(Problem) -> [DrainLook.Item] {
    let placements = try await client.placements().items
    return Self.held(by: node, placements).map { $0.item }
  }

  /// - Parameter before: what was ready there before it was to be drained.
  /// - Returns: the last look: ``DrainLook/empty(byHand:)`` or ``DrainLook/lost``; anything else
  ///   when the time ran out.
  /// - Throws: ``Problem`` `node_unknown`, `drain_called_off`; why the server could not be asked
  ///   when the time ran out; `CancellationError`.
  func follow(since before: [DrainLook.Item]) async throws -> DrainLook {
    let clock = ContinuousClock()
    let deadline = clock.now + timeout
    var explainAt = clock.now + Self.patience
    var progress = DrainProgress(of: node, holding: before)
    var explained: Set<String> = []
    var last = DrainLook.silent
    /// Why the server could not be asked the last time.
    var absence: Problem?
    show(progress.beginning)
    while true {
      do throws(Problem) {
        let (look, placements) = try await look()
        absence = nil
        last = look
        for line in progress.lines(for: look) { show(line) }
        switch look {
        case .empty, .lost: return look
        case .silent: break
        case .left(let items, _):
          guard clock.now >= explainAt else { break }
          explainAt = clock.now + Self.patience
          for line in await obstacles(of: items, placements) where explained.insert(line).inserted {
            ProgressPrinter.note(line)
          }
        }
      } catch {
        guard Self.isPassing(error) else { throw error }
        if absence == nil { ProgressPrinter.note("\(error.message); it is asked again") }
        absence = error
      }
      guard clock.now < deadline else {
        if let absence { throw absence }
        return last
      }
      try await Task.sleep(for: Self.interval)
    }
  }

  private func show(_ line: DrainProgress.Line) {
    switch line {
    case .step(let text): ProgressPrinter.step(text)
    case .note(let text): ProgressPrinter.note(text)
    }
  }

  /// Whether it is worth asking again: the drain goes on while the server is away.
  private static func isPassing(_ problem: Problem) -> Bool {
    switch problem.category {
    case .unavailable, .overloaded, .deadlineExceeded: true
    case .invalidInput, .notFound, .conflict, .refused, .tooLarge, .guestFailed, .internalFault:
      false
    }
  }

  private func look() async throws(Problem) -> (DrainLook, [PlacementResource]) {
    // In this order, as `DrainLook` needs it.
    let placements = try await client.placements()
    guard let found = try await client.nodes().first(where: { $0.id == node }) else {
      throw Problem(
        .notFound, code: "node_unknown", "there is no node \(node) any more",
        next: "See which there are with `wasmatrix nodes`.")
    }
    guard found.scheduling == .draining else {
      throw Problem(
        .conflict, code: "drain_called_off", "\(node) is not being drained any more",
        cause: "it is \(found.scheduling.rawValue)",
        next: "See who changed it with `wasmatrix audit list`.")
    }
    // What it said last of its engine says nothing as long as it does not say what is ready there.
    let engine = placements.unanswered?.contains(node) == true ? nil : found.engine
    let look = DrainLook(
      state: found.state, drained: found.drained,
      instances: engine.map { $0.liveInstances + $0.queuedActivations },
      held: Self.held(by: node, placements.items))
    return (look, placements.items)
  }

  private static func held(
    by node: NodeID, _ placements: [PlacementResource]
  ) -> [(item: DrainLook.Item, running: Int)] {
    placements.filter { $0.node == node }.map { placement in
      let item = DrainLook.Item(
        module: placement.module, version: placement.version, role: placement.role)
      return (item: item, running: placement.running)
    }
  }

  /// Why what serves there does not leave, as far as it is the nodes: `echo@1 cannot leave ...`.
  private func obstacles(
    of items: [DrainLook.Item], _ placements: [PlacementResource]
  ) async -> [String] {
    var lines: [String] = []
    for item in items.filter({ $0.role == .active }).prefix(Self.mostExplained) {
      // One of another namespace, or one that is just being undeployed, is not explained here: it
      // is only named.
      guard let explanation = try? await client.explain(item.module) else { continue }
      let serving = placements.filter { $0.module == item.module && $0.role == .active }
      guard let obstacle = Self.obstacle(explanation, on: node, Set(serving.map(\.node))) else {
        continue
      }
      lines.append("\(item) cannot leave \(node): \(obstacle)")
    }
    return lines
  }

  /// - Parameter serving: the nodes that serve it now.
  /// - Returns: `nil` when another node can run it.
  private static func obstacle(
    _ explanation: PlacementExplanation, on node: NodeID, _ serving: Set<NodeID>
  ) -> String? {
    let others = explanation.verdicts.filter { $0.node != node && !serving.contains($0.node) }
    guard others.allSatisfy({ $0.outcome == .rejected }) else { return nil }
    guard !others.isEmpty else {
      return serving.subtracting([node]).isEmpty
        ? "there is no other node" : "every other node serves it already"
    }
    let reasons = others.prefix(mostReasons).map { verdict in
      "\(verdict.node): " + verdict.rejections.map(\.detail).joined(separator: ", ")
    }
    let more = others.count - reasons.count
    return reasons.joined(separator: "; ")
      + (more > 0 ? "; and \(DrainProgress.count(more, "other node"))" : "")
  }
}
