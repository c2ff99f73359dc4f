public import ClusterModel

/// The clocks of a host. There is one real one; hosts take it as a value so that nothing reads a
/// clock behind their back.
public protocol HostClock: Sendable {
  func now() -> Instants
  /// The monotonic one alone, for whoever looks at it all the time.
  var monotonic: MonotonicInstant { get }
}

extension HostClock {
  public var monotonic: MonotonicInstant { now().monotonic }
}
