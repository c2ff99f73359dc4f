/// What a round trip was measured to.
public enum RoundTripTarget: Hashable, Comparable, Sendable {
  case node(NodeID)
  /// The gateway of a zone: where its requests come in.
  case landmark(Zone)
}

/// A round trip that a node has measured.
public struct RoundTripSample: Hashable, Sendable {
  public var to: RoundTripTarget
  public var microseconds: Int64

  public init(to: RoundTripTarget, microseconds: Int64) {
    self.to = to
    self.microseconds = microseconds
  }
}
