import Foundation
import Glibc
import Synchronization

/// Stands between an agent and the control plane, for streams and datagrams alike, and can fall silent: then
/// nothing comes through in one direction or both, and nobody is told, as when a cable is cut.
final class Relay: Sendable {
  let port: UInt16
  private let target: UInt16
  private let onward = Gate()
  private let back = Gate()
  private let datagrams: Int32
  private let listener: Int32
  /// Where the agent's datagrams come from, last.
  private let sender = Mutex<UInt16>(0)

  /// - Parameter target: a port on loopback.
  init(to target: UInt16) throws {
    self.target = target
    port = try Sockets.freePort()
    listener = try Sockets.listen(port: port)
    datagrams = try Sockets.datagrams(port: port)
    Thread.detachNewThread { self.acceptStreams() }
    let upstream = try Sockets.datagrams()
    Thread.detachNewThread { self.passDatagramsOn(upstream) }
    Thread.detachNewThread { self.passDatagramsBack(upstream) }
  }

  /// Nothing comes through any more.
  func cut() {
    onward.close()
    back.close()
  }

  /// Nothing reaches the agent any more; what it sends does.
  func cutBack() { back.close() }

  func mend() {
    onward.open()
    back.open()
  }

  private func acceptStreams() {
    while true {
      let near = Sockets.accept(listener)
      guard near >= 0 else { continue }
      guard let far = try? Sockets.connect(port: target) else {
        close(near)
        continue
      }
      for (source, sink, gate) in [(near, far, onward), (far, near, back)] {
        Thread.detachNewThread { self.pump(source, sink, gate) }
      }
    }
  }

  private func pump(_ source: Int32, _ sink: Int32, _ gate: Gate) {
    var piece = [UInt8](repeating: 0, count: 65536)
    while case let count = read(source, &piece, piece.count), count > 0 {
      gate.wait()
      guard (try? Sockets.write(Array(piece[..<count]), to: sink)) != nil else { break }
    }
    shutdown(source, Int32(SHUT_RDWR))
    shutdown(sink, Int32(SHUT_RDWR))
  }

  private func passDatagramsOn(_ upstream: Int32) {
    var piece = [UInt8](repeating: 0, count: 2048)
    while true {
      var from = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let count = withUnsafeMutablePointer(to: &from) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          recvfrom(datagrams, &piece, piece.count, 0, $0, &size)
        }
      }
      guard count > 0, onward.isOpen else { continue }
      sender.withLock { $0 = UInt16(bigEndian: from.sin_port) }
      _ = Sockets.withAddress(target) { sendto(upstream, piece, count, 0, $0, $1) }
    }
  }

  private func passDatagramsBack(_ upstream: Int32) {
    var piece = [UInt8](repeating: 0, count: 2048)
    while true {
      let count = recv(upstream, &piece, piece.count, 0)
      guard count > 0, back.isOpen else { continue }
      _ = Sockets.withAddress(sender.withLock { $0 }) { sendto(datagrams, piece, count, 0, $0, $1) }
    }
  }
}

/// Threads wait while it is closed.
final class Gate: Sendable {
  private let condition = NSCondition()
  private let closed = Mutex(false)

  var isOpen: Bool { closed.withLock { !$0 } }

  func close() { closed.withLock { $0 = true } }

  func open() {
    closed.withLock { $0 = false }
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  func wait() {
    condition.lock()
    while !isOpen { condition.wait() }
    condition.unlock()
  }
}
