public import ClusterModel
import Glibc
public import HostPorts

/// The clocks of this machine.
///
/// Monotonic time goes on while the machine sleeps: whoever held a lease before must not find it good when
/// it wakes up.
public struct SystemClock: HostClock {
  public init() {}

  public var monotonic: MonotonicInstant { MonotonicInstant(nanoseconds: read(CLOCK_BOOTTIME)) }

  public func now() -> Instants {
    Instants(
      monotonic: monotonic,
      wall: WallInstant(microseconds: read(CLOCK_REALTIME) / 1000))
  }

  private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
