import Dispatch
import Foundation
import Glibc

/// SIGINT and SIGTERM: the first asks for an orderly stop, the second ends the program at once.
///
/// `@unchecked Sendable`: the sources are made in `init` and only kept alive after that.
final class StopSignals: @unchecked Sendable {
  private let asked: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation
  private let sources: [any DispatchSourceSignal]

  /// Takes both signals over, for as long as this object lives.
  init() {
    let (asked, continuation) = AsyncStream.makeStream(of: Void.self)
    let queue = DispatchQueue(label: "wasmatrix.stop-signals")
    self.asked = asked
    self.continuation = continuation
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { @Sendable in
        if case .terminated = continuation.yield() { _exit(128 + number) }
        continuation.finish()
      }
      source.resume()
      return source
    }
  }

  /// The end of standard input asks for an orderly stop, too: for a program that is to end with the one that
  /// started it.
  func stopWhenInputEnds() {
    let asked = continuation
    let thread = Thread {
      var byte: UInt8 = 0
      while read(STDIN_FILENO, &byte, 1) > 0 {}
      asked.yield()
    }
    thread.start()
  }

  /// Returns at the first signal, or when the task is cancelled.
  func first() async {
    for await _ in asked { return }
  }
}
