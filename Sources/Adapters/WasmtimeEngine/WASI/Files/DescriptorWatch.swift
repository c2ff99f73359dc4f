import CGuestFiles
import DedicatedThreads
import Glibc
import Synchronization

/// Wakes runs that wait for a pipe or a terminal, from a thread of its own, which begins with the first
/// of them. What waits is bounded by the instances there are and the files that each may have open.
///
///     worker ──wait──> watch ──poll(2)──> ready ──answered──> worker
final class DescriptorWatch: Sendable {
  struct Interest {
    var number: Int32
    /// `POLLIN` or `POLLOUT`.
    var event: Int32
  }

  private let signal: Int32
  private let state = Mutex(State())

  private struct State: ~Copyable {
    var waiting: [ObjectIdentifier: (run: PendingRun, interests: [Interest])] = [:]
    var thread: DedicatedThread?
    var stopping = false
  }

  init() { signal = gf_signal() }

  deinit {
    if signal >= 0 { close(signal) }
  }

  /// Wakes a run once, when any of the descriptors is ready; a later call replaces an earlier one.
  func wait(_ run: PendingRun, for interests: [Interest]) {
    state.withLock { state in
      guard !state.stopping else { return }
      state.waiting[ObjectIdentifier(run)] = (run, interests)
      if state.thread == nil {
        state.thread = DedicatedThread(name: "wm-watch", urgency: .ordinary) { self.run() }
      }
    }
    gf_raise(signal)
  }

  /// The run waits no more; its descriptors may be closed.
  func forget(_ run: PendingRun) {
    state.withLock { _ = $0.waiting.removeValue(forKey: ObjectIdentifier(run)) }
  }

  /// Ends the thread, if there is one.
  func stop() {
    let thread = state.withLock { state in
      state.stopping = true
      state.waiting = [:]
      return state.thread.take()
    }
    gf_raise(signal)
    thread?.join()
  }

  private func run() {
    while true {
      var polled = [pollfd(fd: signal, events: Int16(POLLIN), revents: 0)]
      var runs: [PendingRun] = []
      let goesOn = state.withLock { state in
        for (run, interests) in state.waiting.values {
          for interest in interests {
            runs.append(run)
            polled.append(pollfd(fd: interest.number, events: Int16(interest.event), revents: 0))
          }
        }
        return !state.stopping
      }
      guard goesOn else { return }
      // Interrupted or out of memory: what is ready still is the next time.
      guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
      if polled[0].revents != 0 { gf_lower(signal) }
      for (entry, run) in zip(polled.dropFirst(), runs) where entry.revents != 0 {
        forget(run)
        run.answered()
      }
    }
  }
}
