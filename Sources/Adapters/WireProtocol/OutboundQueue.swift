import Synchronization

/// What waits to be written on a stream: bounded, so that an end that does not read costs no more than that.
final class OutboundQueue<Element: Sendable>: Sendable {
  /// Read by whoever writes the stream, once.
  let elements: AsyncStream<Element>
  private let continuation: AsyncStream<Element>.Continuation
  private let isMute = Atomic(false)

  init(limit: Int = WireLimits.waitingFrames) {
    (elements, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingOldest(limit))
  }

  /// - Returns: whether it will be written, unless the stream ends first; `false` when too much waits, or
  ///   nothing is written any more.
  func send(_ element: Element) -> Bool {
    if isMute.load(ordering: .relaxed) { return true }
    if case .enqueued = continuation.yield(element) { return true }
    return false
  }

  /// What is sent from now on is lost, as in a network that is broken.
  func mute() { isMute.store(true, ordering: .relaxed) }

  /// What waits is written; nothing more is taken.
  func finish() { continuation.finish() }
}
