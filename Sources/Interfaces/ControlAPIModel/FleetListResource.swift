public import ClusterModel
public import HostPorts

/// A list of what nodes say of themselves: `{"items": [...], "unanswered": [...]}`.
public struct FleetListResource<Item: Sendable>: Sendable {
  public var items: [Item]
  /// Nodes of which it is not known whether they hold more: they did not answer in time, or are silent. Sorted; missing
  /// from older servers.
  public var unanswered: [NodeID]?

  public init(items: [Item], unanswered: [NodeID]?) {
    self.items = items
    self.unanswered = unanswered
  }

  /// - Parameter item: how the API shows one of them.
  public init<Status: Sendable>(_ answer: FleetAnswer<Status>, _ item: (Status) -> Item) {
    self.init(items: answer.items.map(item), unanswered: answer.unanswered)
  }
}

extension FleetListResource: Encodable where Item: Encodable {}
extension FleetListResource: Decodable where Item: Decodable {}
