import ClusterModel
import DequeModule
import EventRouting

/// A placement that is to be made ready.
struct PlacementWish {
  var deployment: Deployment
  var record: ModuleVersionRecord
  /// Who watches how it comes on.
  var request: RequestID?
}

/// Placements that wait until fewer are being made ready. Each holds a whole module in memory, so
/// that a start with a thousand deployments must not begin them all.
struct PlacementQueue {
  /// More would not be faster: signatures are verified one after the other.
  private static let maximumUnderWay = 4

  private var waiting: Deque<PlacementWish> = []
  private var underWay = 0

  mutating func add(_ wish: PlacementWish) { waiting.append(wish) }

  /// The next one to begin, counted as begun; `nil` when there is none, or no room.
  mutating func next() -> PlacementWish? {
    guard underWay < Self.maximumUnderWay, let wish = waiting.popFirst() else { return nil }
    underWay += 1
    return wish
  }

  mutating func ended() { underWay -= 1 }
}
