public import ClusterModel

/// The clocks of a host. There is one real one; hosts take it as a value so that nothing reads a
/// clock behind their back.
public protocol HostClock: Sendable {
  func now() -> Instants
}
