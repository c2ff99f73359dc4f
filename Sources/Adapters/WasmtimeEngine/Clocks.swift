import Glibc

/// Nanoseconds of the kernel's clocks.
enum Clocks {
  @inline(__always)
  static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

  /// What the calling thread used of a CPU; a system call, unlike the others.
  static func threadCPU() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

  static func realtime() -> Int64 { read(CLOCK_REALTIME) }

  static func resolution(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_getres(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  @inline(__always)
  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
