public import ClusterModel
import Glibc
public import HostPorts

/// The clocks of this machine.
public struct SystemClock: HostClock {
  public init() {}

  public var monotonic: MonotonicInstant { MonotonicInstant(nanoseconds: read(CLOCK_MONOTONIC)) }

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
