public import ClusterModel
import Glibc

/// Lets one thread sleep until another wakes it, or until a time. A wake-up that comes first is kept.
///
/// `@unchecked Sendable`: the mutex and the condition are made to be shared; `isWoken` is only touched
/// under the mutex.
public final class Parker: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var isWoken = false

  public init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    var mutexAttributes = pthread_mutexattr_t()
    pthread_mutexattr_init(&mutexAttributes)
    // Whoever holds it is not held up while a thread that runs in real time waits for it.
    pthread_mutexattr_setprotocol(&mutexAttributes, CInt(PTHREAD_PRIO_INHERIT))
    pthread_mutex_init(mutex, &mutexAttributes)
    pthread_mutexattr_destroy(&mutexAttributes)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// - Parameter deadline: of the system's monotonic clock; `nil` for as long as it takes.
  public func park(until deadline: MonotonicInstant?) {
    pthread_mutex_lock(mutex)
    while !isWoken {
      guard let deadline else {
        pthread_cond_wait(condition, mutex)
        continue
      }
      var time = timespec(
        tv_sec: Int(deadline.nanoseconds / 1_000_000_000),
        tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
      if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
    }
    isWoken = false
    pthread_mutex_unlock(mutex)
  }

  public func wake() {
    pthread_mutex_lock(mutex)
    isWoken = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }
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
