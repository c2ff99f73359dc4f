import CWasmtime
import Glibc

/// A thread of our own: guests and the compiler never run on Swift's cooperative threads.
struct DedicatedThread: Sendable {
  private let thread: pthread_t

  /// - Parameters:
  ///   - name: at most 15 bytes, for debuggers.
  ///   - stack: bytes; the compiler needs much.
  init(name: String, stack: Int = 8 << 20, body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stack)
    defer { pthread_attr_destroy(&attributes) }
    let work = Unmanaged.passRetained(Work(name: name, body: body))
    var started = pthread_t()
    let status = pthread_create(&started, &attributes, runDedicatedThread, work.toOpaque())
    precondition(status == 0, "a thread of the engine could not be started: errno \(status)")
    thread = started
  }

  /// Waits for the thread to end. Blocks: never on a cooperative thread for long work.
  func join() { pthread_join(thread, nil) }

  fileprivate final class Work: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}

private func runDedicatedThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let work = Unmanaged<DedicatedThread.Work>.fromOpaque(argument).takeRetainedValue()
  wm_name_thread(work.name)
  work.body()
  return nil
}

/// Lets one thread sleep until another wakes it, or until a time. A wake-up that comes first is
/// kept.
///
/// `@unchecked Sendable`: the mutex and the condition are made to be shared; `woken` is only
/// touched under the mutex.
final class Parker: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var woken = false

  init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
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

  /// - Parameter deadline: monotonic nanoseconds; `nil` for as long as it takes.
  func park(until deadline: Int64?) {
    pthread_mutex_lock(mutex)
    while !woken {
      guard let deadline else {
        pthread_cond_wait(condition, mutex)
        continue
      }
      var time = timespec(
        tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
    }
    woken = false
    pthread_mutex_unlock(mutex)
  }

  func wake() {
    pthread_mutex_lock(mutex)
    woken = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }
}
