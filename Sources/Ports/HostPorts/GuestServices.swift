public import ClusterModel

/// Answers what one activation asks of the platform. The engine knows how its guests ask, not what they
/// may: that is decided here.
///
/// Calls of one activation come one after the other, in the order in which the guest made them, and all of
/// them before its report.
public protocol GuestServices: Sendable {
  func answer(_ call: GuestCall) async -> GuestAnswer
}

/// How a WASI command reaches its services: a descriptor on which it writes a request a line and reads an
/// answer a line; see docs/CAPABILITIES.md.
public enum HostDescriptor {
  /// The first one behind the standard streams.
  public static let number: UInt32 = 3
}
