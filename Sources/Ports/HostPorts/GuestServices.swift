public import ClusterModel

/// Answers what one activation asks of the platform. The engine knows how its guests ask, not what they
/// may: that is decided here.
///
/// Calls of one activation come one after the other, in the order in which the guest made them, and all of
/// them before its report.
public protocol GuestServices: DenialWatch {
  func answer(_ call: GuestCall) async -> GuestAnswer
}

/// Who hears of what a guest tries beyond its grants.
public protocol DenialWatch: AnyObject, Sendable {
  /// The guest tried something with files that it is not granted, and was answered with an error. Never
  /// waits: guests are running on this thread.
  ///
  /// - Returns: what is to become of it.
  func denied(_ denial: CapabilityDenial) -> DenialPolicy
}

/// How a WASI command reaches its services: a descriptor on which it writes a request a line and reads an
/// answer a line; see docs/CAPABILITIES.md.
public enum HostDescriptor {
  /// The first one behind the standard streams and the granted folders, which C libraries look for
  /// without a gap.
  public static func number(behind folders: Int) -> Int { 3 + folders }
}
