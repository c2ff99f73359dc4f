import Dispatch
import Glibc

/// SIGINT and SIGTERM: the first asks for an orderly stop, the second ends the program at once.
///
/// `@unchecked Sendable`: the sources are made in `init` and only kept alive after that.
final class StopSignals: @unchecked Sendable {
  private let asked: AsyncStream<Void>
  private let sources: [any DispatchSourceSignal]

  /// Takes both signals over, for as long as this object lives.
  init() {
    let (asked, continuation) = AsyncStream.makeStream(of: Void.self)
    let queue = DispatchQueue(label: "wasmatrix.stop-signals")
    self.asked = asked
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

  /// Returns at the first signal, or when the task is cancelled.
  func first() async {
    for await _ in asked { return }
  }
}
