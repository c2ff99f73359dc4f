import CHeartbeatLink
import ClusterModel
import Glibc
import HeartbeatCoding

/// A socket for datagrams, and what wakes the thread that reads it. Both are closed with the last one that
/// uses them, unless it leaves its port before.
final class DatagramSocket: Sendable {
  private let descriptor: Int32
  private let waker: Int32

  /// - Parameter isBound: whether it listens there; otherwise it sends there, from any port.
  init(_ address: DatagramAddress, isBound: Bool) throws(Problem) {
    func fail(_ code: Int32) -> Problem {
      Problem(
        .unavailable, code: "heartbeat_socket",
        isBound
          ? "heartbeats cannot be received on \(address)" : "heartbeats cannot be sent",
        cause: strerror(code).map { String(cString: $0) },
        next: isBound ? "Listen on another address or port." : nil)
    }
    var raw = address.raw
    var descriptor: Int32 = -1
    let problem = hl_open(&raw, isBound, &descriptor)
    guard problem == 0 else { throw fail(problem) }
    var waker: Int32 = -1
    let wakerProblem = hl_make_waker(&waker)
    guard wakerProblem == 0 else {
      close(descriptor)
      throw fail(wakerProblem)
    }
    self.descriptor = descriptor
    self.waker = waker
  }

  deinit {
    close(descriptor)
    close(waker)
  }

  /// Gives its port back, whoever still holds it. What is sent afterwards goes nowhere, and nothing is received.
  func leave() {
    // Something else takes its place: the number stays taken for those that still use it.
    dup2(waker, descriptor)
  }

  var address: DatagramAddress {
    var raw = hl_address()
    hl_bound_address(descriptor, &raw)
    return DatagramAddress(raw)
  }

  /// False when the system has no room for it, or no way to there. From any thread.
  @discardableResult
  func send(_ bytes: [UInt8], to address: DatagramAddress) -> Bool {
    var raw = address.raw
    return hl_send(descriptor, bytes, bytes.count, &raw) == 0
  }

  func wake() { hl_wake(waker) }

  /// Waits until datagrams have arrived, or somebody called ``wake()``.
  ///
  /// - Parameter patience: `nil` for as long as it takes.
  func waits(_ patience: Duration?) -> Bool {
    let milliseconds = patience.map { max(0, ($0.nanoseconds + 999_999) / 1_000_000) } ?? -1
    return hl_wait(descriptor, waker, Int32(clamping: milliseconds))
  }

  /// Datagrams that are taken at a time.
  static let slots = 32

  /// Room for them.
  struct Buffer {
    /// One byte more than any datagram of ours: what fills it is none.
    fileprivate static let slotSize = DatagramCoder.largest + 1
    fileprivate var bytes = [UInt8](repeating: 0, count: slots * slotSize)
    fileprivate var lengths = [Int](repeating: 0, count: slots)
    fileprivate var senders = [hl_address](repeating: hl_address(), count: slots)
  }

  /// Takes what has arrived, up to as many as fit; returns how many there were.
  func receive(
    into buffer: inout Buffer, _ take: (ArraySlice<UInt8>, DatagramAddress) -> Void
  ) -> Int {
    let count = Int(
      hl_receive(
        descriptor, &buffer.bytes, Buffer.slotSize, Int32(Self.slots), &buffer.lengths,
        &buffer.senders))
    for slot in 0..<count {
      let start = slot * Buffer.slotSize
      let length = min(buffer.lengths[slot], Buffer.slotSize)
      take(buffer.bytes[start..<start + length], DatagramAddress(buffer.senders[slot]))
    }
    return count
  }
}
