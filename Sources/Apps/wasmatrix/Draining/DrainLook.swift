import ClusterModel

/// How a node that is being drained is, at one look.
enum DrainLook: Equatable, Sendable {
  /// It cannot be asked: it is silent, or not attached.
  case silent
  /// The control plane has given it up, and with it what ran there.
  case lost
  /// What a plan put there, and how much of all that runs there or waits to is a plan's.
  case left([Item], running: Int)
  /// Nothing, but what somebody holds there by hand: no plan moves that.
  case empty(byHand: [Item])

  /// A version that is ready on the node.
  struct Item: Hashable, Sendable, Encodable, CustomStringConvertible {
    var module: ModuleName
    var version: ModuleVersion
    var role: PlacementStanding

    var description: String { "\(module)@\(version)" }
  }

  /// - Parameters:
  ///   - drained: whether no plan wants anything of it; `nil` when the server does not say.
  ///   - instances: what runs there or waits to; `nil` when the node did not say.
  ///   - held: what is ready there, and how much of it runs. It was looked at before `instances`:
  ///     what is not held any more begins nothing, so that nothing is left when nothing runs then.
  init(
    state: NodeState, drained: Bool?, instances: Int?, held: [(item: Item, running: Int)]
  ) {
    switch state {
    case .unavailable: self = .lost
    case .suspect: self = .silent
    case .healthy, .degraded, .recovered:
      guard let instances else {
        self = .silent
        return
      }
      let planned = held.filter { $0.item.role != .byHand }.map { $0.item }
      let byHand = held.filter { $0.item.role == .byHand }
      let running = max(0, instances - byHand.reduce(0) { $0 + $1.running })
      let isEmpty = planned.isEmpty && running == 0 && drained != false
      self = isEmpty ? .empty(byHand: byHand.map { $0.item }) : .left(planned, running: running)
    }
  }
}
