import Dispatch
import Foundation
import Glibc
import Synchronization

/// SIGINT and SIGTERM: the first asks for an orderly stop, the second ends the program at once.
///
/// `@unchecked Sendable`: the sources are made in `init` and only kept alive after that.
final class StopSignals: @unchecked Sendable {
  private let request: StopRequest
  private let sources: [any DispatchSourceSignal]

  /// Takes both signals over, for as long as this object lives.
  init() {
    let request = StopRequest()
    let queue = DispatchQueue(label: "wasmatrix.stop-signals")
    self.request = request
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { @Sendable in
        if request.wasSignalledBefore() { _exit(128 + number) }
        request.make()
      }
      source.resume()
      return source
    }
  }

  /// The end of standard input asks for an orderly stop, too: for a program that is to end with the one that
  /// started it.
  func stopWhenInputEnds() {
    let request = request
    let thread = Thread {
      var byte: UInt8 = 0
      while read(STDIN_FILENO, &byte, 1) > 0 {}
      request.make()
    }
    thread.start()
  }

  /// Returns at the first signal, at once when that has come, or when the task is cancelled. Whoever gave up
  /// waiting takes nothing from those who wait later.
  func first() async { await request.made() }
}

/// Whether the process was asked to stop, and who waits for that.
private final class StopRequest: Sendable {
  private struct State {
    var isMade = false
    var isSignalled = false
    /// As many as there were calls, which is a few in a process.
    var waiting: [AsyncStream<Void>.Continuation] = []
  }

  private let state = Mutex(State())

  func wasSignalledBefore() -> Bool {
    state.withLock { state in
      defer { state.isSignalled = true }
      return state.isSignalled
    }
  }

  func make() {
    let waiting = state.withLock { state in
      state.isMade = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.finish() }
  }

  func made() async {
    let (end, continuation) = AsyncStream.makeStream(of: Void.self)
    let isMade = state.withLock { state in
      if !state.isMade { state.waiting.append(continuation) }
      return state.isMade
    }
    if isMade { return }
    for await _ in end {}
  }
}
