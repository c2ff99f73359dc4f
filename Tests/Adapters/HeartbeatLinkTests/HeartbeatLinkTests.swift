import ClusterModel
import DedicatedThreads
import HeartbeatCoding
import Synchronization
import Testing

@testable import HeartbeatLink

/// Both ends on the loopback interface, and what each of them heard.
private final class Link: Sendable {
  let receiver: HeartbeatReceiver
  let heard = Mutex<[Heartbeat]>([])
  let died = Mutex<[Incarnation]>([])
  let acknowledged = Mutex<[ControlMessage]>([])

  private struct News: Sendable {
    let heard: @Sendable (Heartbeat) -> Void
    let died: @Sendable (NodeID, Incarnation) -> Void
  }

  private final class Box: Sendable {
    let news = Mutex<News?>(nil)
  }

  init(_ host: String = "127.0.0.1") throws {
    let box = Box()
    receiver = try HeartbeatReceiver(
      on: DatagramAddress(host: host, port: 0), urgency: .ordinary,
      heard: { heartbeat in box.news.withLock { $0 }?.heard(heartbeat) },
      died: { node, incarnation in box.news.withLock { $0 }?.died(node, incarnation) })
    box.news.withLock {
      $0 = News(
        heard: { [weak self] heartbeat in self?.heard.withLock { $0.append(heartbeat) } },
        died: { [weak self] _, incarnation in self?.died.withLock { $0.append(incarnation) } })
    }
  }

  deinit { receiver.stop() }

  func sender(_ session: HeartbeatSession) throws -> HeartbeatSender {
    try HeartbeatSender(
      session, to: receiver.address, urgency: .ordinary,
      acknowledged: { [weak self] message in self?.acknowledged.withLock { $0.append(message) } })
  }

  var sequences: [UInt64] { heard.withLock { $0.map(\.sequence) } }
}

private func session(_ node: String = "node-1", _ incarnation: UInt64 = 7) -> HeartbeatSession {
  var random = SystemRandomNumberGenerator()
  return HeartbeatSession(
    for: NodeID(unchecked: node), Incarnation(incarnation), using: &random)
}

private func heartbeat(_ session: HeartbeatSession, _ sequence: UInt64) -> Heartbeat {
  Heartbeat(
    node: session.node, incarnation: session.incarnation, sequence: sequence, progress: sequence,
    isBusy: true, load: .idle)
}

private func acknowledgement(_ session: HeartbeatSession, _ sequence: UInt64) -> ControlMessage {
  .heartbeatAcknowledged(
    session.incarnation, sequence: sequence, plan: PlanVersion(term: 2, counter: 9), term: 2)
}

/// Waits for something that must come to be.
private func eventually(_ holds: () -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(30)
  while !holds() {
    try #require(ContinuousClock.now < deadline, "it has not come to be")
    try await Task.sleep(for: .milliseconds(1))
  }
}

struct HeartbeatLinkTests {
  @Test(arguments: ["127.0.0.1", "::1", "localhost"])
  func `a heartbeat arrives, and its acknowledgement comes back`(host: String) async throws {
    let link = try Link(host)
    #expect(link.receiver.address.port != 0)
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    #expect(!link.receiver.send(acknowledgement(session, 1), to: session.node))
    sender.send(heartbeat(session, 1))
    try await eventually { link.heard.withLock { $0 } == [heartbeat(session, 1)] }
    #expect(link.receiver.send(acknowledgement(session, 1), to: session.node))
    try await eventually { link.acknowledged.withLock { $0 } == [acknowledgement(session, 1)] }
    #expect(link.receiver.refused.total == 0)
    #expect(sender.refused.total == 0)
    sender.stop()
  }

  @Test func `round trips are measured`() async throws {
    let link = try Link()
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    try await eventually { (sender.roundTrip?.count ?? 0) >= 2 }
    let roundTrip = try #require(sender.roundTrip)
    #expect(roundTrip.least > .zero && roundTrip.least <= roundTrip.smoothed)
    sender.stop()
  }

  @Test func `what comes again or was overtaken does not count, and moves nobody`() async throws {
    let link = try Link()
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    sender.send(heartbeat(session, 5))
    try await eventually { link.sequences == [5] }
    // Somebody who has listened says the same again, from elsewhere.
    let thief = try DatagramSocket(link.receiver.address, isBound: false)
    let coder = DatagramCoder(session, as: .agent)
    thief.send(coder.encode(.heartbeat(heartbeat(session, 5))), to: link.receiver.address)
    thief.send(coder.encode(.heartbeat(heartbeat(session, 4))), to: link.receiver.address)
    try await eventually { link.receiver.refused[.old] == 2 }
    #expect(link.sequences == [5])
    link.receiver.send(acknowledgement(session, 5), to: session.node)
    try await eventually { link.acknowledged.withLock { $0.count } == 1 }
    // One that is new may come from elsewhere: networks change.
    thief.send(coder.encode(.heartbeat(heartbeat(session, 6))), to: link.receiver.address)
    try await eventually { link.sequences == [5, 6] }
    link.receiver.send(acknowledgement(session, 6), to: session.node)
    try await eventually { thief.waits(.zero) }
    sender.stop()
  }

  @Test func `a flood of what is none is dropped, counted, and holds nobody up`() async throws {
    let link = try Link()
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    let flood = try DatagramSocket(link.receiver.address, isBound: false)
    var random = SystemRandomNumberGenerator()
    let authentic = DatagramCoder(session, as: .agent).encode(.heartbeat(heartbeat(session, 1)))
    for number in 0..<20_000 {
      var bytes: [UInt8]
      switch number % 5 {
      case 0: bytes = (0..<(number % 300)).map { _ in UInt8.random(in: 0...255, using: &random) }
      case 1: bytes = authentic + [UInt8](repeating: 0, count: 1200)
      case 2:
        bytes = authentic
        bytes[bytes.count - 1] ^= 1
      case 3:
        bytes = authentic
        bytes[8] ^= 1
      default:
        bytes = authentic
        bytes[4] = 2
      }
      flood.send(bytes, to: link.receiver.address)
    }
    // It may be lost in the flood, as any datagram.
    var sequence: UInt64 = 0
    try await eventually {
      sequence += 1
      sender.send(heartbeat(session, sequence))
      return !link.sequences.isEmpty
    }
    let refused = link.receiver.refused
    try await eventually {
      refused[.size] > 0 && refused[.foreign] > 0 && refused[.session] > 0
        && refused[.unauthentic] > 0
    }
    #expect(link.heard.withLock { $0.allSatisfy { $0.node == session.node } })
    sender.stop()
  }

  @Test func `a notice of death is handed on once, and nothing after it`() async throws {
    let link = try Link()
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    sender.send(heartbeat(session, 1))
    let watcher = try DatagramSocket(link.receiver.address, isBound: false)
    for _ in 0..<3 { watcher.send(sender.deathNotice, to: sender.address) }
    try await eventually { link.receiver.refused[.old] == 2 }
    #expect(link.died.withLock { $0 } == [session.incarnation])
    sender.send(heartbeat(session, 2))
    try await eventually { link.receiver.refused[.old] == 3 }
    #expect(link.sequences == [1])
    sender.stop()
  }

  @Test func `a newer session replaces that of its node, an older one does not`() async throws {
    let link = try Link()
    let (first, second) = (session("node-1", 7), session("node-1", 8))
    try link.receiver.register(first)
    try link.receiver.register(second)
    try link.receiver.register(first)
    let (old, new) = (try link.sender(first), try link.sender(second))
    old.send(heartbeat(first, 1))
    try await eventually { link.receiver.refused[.session] >= 1 }
    new.send(heartbeat(second, 1))
    try await eventually { link.heard.withLock { $0 } == [heartbeat(second, 1)] }
    // Neither speaks for the other.
    #expect(!link.receiver.send(acknowledgement(first, 1), to: first.node))
    link.receiver.forget(second.id)
    new.send(heartbeat(second, 2))
    try await eventually { link.receiver.refused[.session] >= 2 }
    #expect(!link.receiver.send(acknowledgement(second, 2), to: second.node))
    #expect(link.sequences == [1])
    old.stop()
    new.stop()
  }

  @Test func `other messages go another way`() async throws {
    let link = try Link()
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    sender.send(heartbeat(session, 1))
    try await eventually { link.sequences == [1] }
    #expect(!link.receiver.send(.welcome(session.incarnation, term: 1), to: session.node))
    sender.stop()
  }

  @Test func `an address that is taken is refused with a problem`() throws {
    let link = try Link()
    #expect(throws: Problem.self) {
      try HeartbeatReceiver(on: link.receiver.address, heard: { _ in }, died: { _, _ in })
    }
    #expect(throws: Problem.self) { try DatagramAddress(host: "no such host", port: 1) }
  }

  @Test func `another takes the address of a receiver that has stopped, whoever still holds that`()
    async throws
  {
    let first = try Link()
    let session = session()
    try first.receiver.register(session)
    let sender = try first.sender(session)
    sender.send(heartbeat(session, 1))
    try await eventually { first.sequences == [1] }
    first.receiver.stop()
    let heard = Mutex<[UInt64]>([])
    let second = try HeartbeatReceiver(
      on: first.receiver.address, urgency: .ordinary,
      heard: { heartbeat in heard.withLock { $0.append(heartbeat.sequence) } },
      died: { _, _ in })
    try second.register(session)
    // What the first one still sends goes nowhere.
    #expect(!first.receiver.send(acknowledgement(session, 1), to: session.node))
    sender.send(heartbeat(session, 2))
    try await eventually { heard.withLock { $0 } == [2] }
    #expect(first.sequences == [1])
    sender.stop()
    second.stop()
  }

  @Test func `nothing is heard once a receiver has stopped`() async throws {
    let link = try Link()
    let session = session()
    try link.receiver.register(session)
    let sender = try link.sender(session)
    sender.send(heartbeat(session, 1))
    try await eventually { link.sequences == [1] }
    link.receiver.stop()
    link.receiver.stop()
    sender.send(heartbeat(session, 2))
    sender.stop()
    #expect(link.sequences == [1])
  }
}

struct EchoTimerTests {
  private func at(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  @Test func `only the answer to what was asked last counts, once`() throws {
    let timer = EchoTimer()
    let first = try #require(timer.next(at: at(0)).0)
    #expect(timer.next(at: at(100)).0 == nil)
    #expect(timer.next(at: at(100)).1 == .milliseconds(400))
    let second = try #require(timer.next(at: at(500)).0)
    #expect(!timer.answered(first, at: at(501)))
    #expect(timer.answered(second, at: at(503)))
    #expect(!timer.answered(second, at: at(504)))
    #expect(timer.estimate == RoundTripEstimate(.milliseconds(3)))
  }
}
