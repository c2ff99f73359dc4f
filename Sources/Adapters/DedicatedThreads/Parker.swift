import CDedicatedThreads
public import ClusterModel
import Glibc

/// Lets one thread sleep until another wakes it, or until a time. A wake-up that comes first is kept.
///
/// Nothing is locked: a thread in real time that is woken runs at once, and finds nobody in its way.
///
/// `@unchecked Sendable`: the word is only touched atomically, by `dt_park` and `dt_wake`.
public final class Parker: @unchecked Sendable {
  private let word: UnsafeMutablePointer<UInt32>

  public init() {
    word = .allocate(capacity: 1)
    word.initialize(to: 0)
  }

  deinit { word.deallocate() }

  /// To be called by one thread at a time.
  ///
  /// - Parameter deadline: of the system's monotonic clock; `nil` for as long as it takes.
  public func park(until deadline: MonotonicInstant?) {
    guard let deadline else { return dt_park(word, nil) }
    var time = timespec(
      tv_sec: Int(deadline.nanoseconds / 1_000_000_000),
      tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
    dt_park(word, &time)
  }

  public func wake() { dt_wake(word) }
}

extension MonotonicInstant {
  /// The system's monotonic clock.
  static var system: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(
      nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
