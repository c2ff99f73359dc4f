import ClusterModel
import Dispatch
import Glibc
import Synchronization

/// An address and how it is written.
struct HostAddressText: Hashable, Sendable {
  var address: HostAddress
  var text: String
}

/// Finds the addresses of names, as the machine is set up to. That blocks, sometimes for many seconds, so it
/// is done on threads of its own, and whoever asks waits no longer than it has time.
final class HostResolver: Sendable {
  private let queue = DispatchQueue(label: "names", attributes: .concurrent)
  private let waiting = Mutex(0)

  /// Names that are being looked up; each holds a thread.
  private static let mostWaiting = 16

  /// - Throws: ``Problem`` `http_busy`, `http_timeout`, `http_unreachable`.
  func addresses(
    of name: String, until deadline: ContinuousClock.Instant
  ) async throws(Problem) -> [HostAddressText] {
    let isFree = waiting.withLock { waiting in
      guard waiting < Self.mostWaiting else { return false }
      waiting += 1
      return true
    }
    guard isFree else {
      throw Problem(
        .overloaded, code: "http_busy", "this node looks up too many names",
        next: "Try again in a moment.")
    }
    let answer = OneAnswer<[HostAddressText]?>()
    queue.async {
      let found = Self.lookUp(name)
      self.waiting.withLock { $0 -= 1 }
      answer.give(found)
    }
    let timer = Task {
      // Cancelled when there is an answer.
      try? await Task.sleep(until: deadline)
      answer.give(nil)
    }
    defer { timer.cancel() }
    guard let found = await answer.value else {
      throw Problem(
        .deadlineExceeded, code: "http_timeout", "the name \(name) could not be looked up in time")
    }
    return found
  }

  private static func lookUp(_ name: String) -> [HostAddressText] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [HostAddressText] = []
    var next = list
    while let entry = next?.pointee {
      if let text = numeric(entry), let address = HostAddress(text) {
        found.append(HostAddressText(address: address, text: text))
      }
      next = entry.ai_next
    }
    return found
  }

  private static func numeric(_ entry: addrinfo) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let result = getnameinfo(
      entry.ai_addr, entry.ai_addrlen, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
    guard result == 0 else { return nil }
    let text = String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Of a link: `fe80::1%eth0`.
    return String(text.prefix { $0 != "%" })
  }
}

/// The first of several answers.
private final class OneAnswer<Value: Sendable>: Sendable {
  private enum State {
    case open
    case awaited(CheckedContinuation<Value, Never>)
    case given(Value)
    case taken
  }

  private let state = Mutex(State.open)

  func give(_ value: Value) {
    let waiter: CheckedContinuation<Value, Never>? = state.withLock { state in
      switch state {
      case .open:
        state = .given(value)
        return nil
      case .awaited(let continuation):
        state = .taken
        return continuation
      case .given, .taken: return nil
      }
    }
    waiter?.resume(returning: value)
  }

  /// To be asked once.
  var value: Value {
    get async {
      await withCheckedContinuation { continuation in
        let value: Value? = state.withLock { state in
          guard case .given(let value) = state else {
            state = .awaited(continuation)
            return nil
          }
          state = .taken
          return value
        }
        if let value { continuation.resume(returning: value) }
      }
    }
  }
}
