import ClusterModel

/// Watches whether deliveries of one module with one key run one after the other, in order. It knows what
/// the router was told and what the log has, and nothing of how the router does it.
struct OrderChecker {
  private struct Lane: Hashable {
    let module: ModuleName
    let key: OrderKey
  }

  /// When the router heard of a delivery.
  private var heard: [DeliveryID: Int] = [:]
  private var clock = 0
  private var ended: Set<DeliveryID> = []
  /// Whoever was put aside and comes again comes when it comes.
  private var replayed: Set<DeliveryID> = []
  /// Which one of a lane has begun and not ended.
  private var begun: [Lane: DeliveryID] = [:]
  /// What the log owes, with where it belongs.
  private var lanes: [DeliveryID: Lane] = [:]
  private(set) var runs = 0

  mutating func hears(_ deliveries: [PendingDelivery]) {
    for delivery in deliveries.sorted(by: { $0.id < $1.id }) {
      clock += 1
      heard[delivery.id] = clock
      lanes[delivery.id] = delivery.orderKey.map { Lane(module: delivery.module, key: $0) }
    }
  }

  mutating func begins(_ delivery: PendingDelivery, _ violations: inout [String]) {
    guard let key = delivery.orderKey else { return }
    let lane = Lane(module: delivery.module, key: key)
    runs += 1
    if let other = begun[lane], other != delivery.id {
      violations.append("\(delivery.id) began although \(other) of the same key had not ended")
    }
    begun[lane] = delivery.id
    let mine = heard[delivery.id] ?? 0
    let others = lanes.filter { $0.value == lane }.keys.sorted()
    for other in others where other < delivery.id && !ended.contains(other) {
      guard !replayed.contains(other), heard[other] ?? 0 < mine else { continue }
      violations.append("\(delivery.id) began before \(other) of the same key")
    }
  }

  mutating func ends(_ change: DeliveryChange) {
    switch change.outcome {
    case .failed: return
    case .succeeded, .dead: break
    }
    ended.insert(change.delivery)
    begun = begun.filter { $0.value != change.delivery }
  }

  mutating func replays(_ delivery: PendingDelivery) {
    replayed.insert(delivery.id)
    ended.remove(delivery.id)
    hears([delivery])
  }

  mutating func crashes(leaving pending: [PendingDelivery]) {
    begun = [:]
    hears(pending)
  }
}
