public import ClusterModel

/// A placement serves on a node from now on, or no more. Of a lost node with a thousand placements there are thousands:
/// what is told of them is made when it is told, and not before the plans of those that take over have left.
public struct PlacementChange: Sendable {
  let id: PlacementID
  let node: NodeID
  let serves: Bool
  /// On how many nodes the deployment serves then.
  let serving: Int
  let term: UInt64
  /// The number of the first message.
  let number: UInt64
  let at: WallInstant

  static let messageCount: UInt64 = 2

  /// What there is to tell of it, in this order.
  public var messages: [EventMessage] {
    [
      message(
        serves ? .moduleStart : .moduleStop, number,
        ["generation": .integer(Int64(id.generation)), "node": .string(node.text)]),
      message(
        .scaleEvent, number + 1,
        [
          "generation": .integer(Int64(id.generation)), "serving": .integer(Int64(serving)),
        ]),
    ]
  }

  private func message(
    _ kind: EventMessage.Kind, _ number: UInt64, _ payload: [String: JSONValue]
  ) -> EventMessage {
    let identity = "\(term).\(number)"
    return EventMessage(
      id: identity, type: kind, source: "/control-plane", target: "module/\(id.name)",
      payload: payload, correlationID: identity, timestamp: at)
  }
}
