import ClusterModel
import HeartbeatCoding
import HostPorts
import Testing

@testable import HeartbeatLink

/// Two agents that exchange echoes, with the time of the test.
@Suite struct PeerEchoTests {
  private let one = PeerEchoes()
  private let other = PeerEchoes()

  private static func at(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  private static func peer(_ node: String, isFirst: Bool, key: UInt8 = 2, port: Int = 9) -> EchoPeer
  {
    EchoPeer(
      node: NodeID(unchecked: node), session: [UInt8](repeating: 1, count: 16),
      key: [UInt8](repeating: key, count: 32), host: "127.0.0.1", port: port, isFirst: isFirst)
  }

  /// What is asked once it is due.
  private func ask(_ echoes: PeerEchoes, by now: MonotonicInstant) throws -> ArraySlice<UInt8> {
    try #require(echoes.due(at: now).asks.first).bytes[...]
  }

  @Test func `the shortest way is kept until it is taken`() throws {
    one.replace(with: [Self.peer("b", isFirst: true)], at: Self.at(0))
    other.replace(with: [Self.peer("a", isFirst: false)], at: Self.at(0))
    #expect(one.due(at: Self.at(0)).asks.isEmpty, "they do not ask all at once")
    for (asked, took) in [(Int64(10_000), Int64(8)), (20_000, 3), (30_000, 5)] {
      let question = try ask(one, by: Self.at(asked))
      let answer = try #require(try other.take(question, at: Self.at(asked + 1)))
      #expect(try one.take(answer[...], at: Self.at(asked + took)) == nil)
      #expect(throws: DatagramRefusal.old) { try one.take(answer[...], at: Self.at(asked + 9)) }
    }
    #expect(
      one.taken() == [
        RoundTripSample(to: .node(NodeID(unchecked: "b")), microseconds: 3000)
      ])
    #expect(one.taken().isEmpty)
    #expect(other.taken().isEmpty)
  }

  @Test func `strangers and echoes of one's own are refused`() throws {
    one.replace(with: [Self.peer("b", isFirst: true)], at: Self.at(0))
    let question = try ask(one, by: Self.at(10_000))
    #expect(throws: DatagramRefusal.unauthentic) { try one.take(question, at: Self.at(10_001)) }
    #expect(throws: DatagramRefusal.session) { try other.take(question, at: Self.at(10_001)) }
    other.replace(with: [Self.peer("a", isFirst: false, key: 3)], at: Self.at(0))
    #expect(throws: DatagramRefusal.unauthentic) { try other.take(question, at: Self.at(10_001)) }
    #expect(throws: DatagramRefusal.size) { try other.take([1, 2, 3], at: Self.at(10_001)) }
  }

  @Test func `peers that make no sense are left out, and no more are listened to than so many`() {
    var peers = [
      Self.peer("name", isFirst: true), Self.peer("port", isFirst: true, port: 70_000),
      Self.peer("key", isFirst: true),
    ]
    peers[0].host = "localhost"
    peers[2].key = [1]
    one.replace(with: peers, at: Self.at(0))
    #expect(one.due(at: Self.at(100_000)).asks.isEmpty)
    let many = (0..<100).map { number in
      var peer = Self.peer("n\(number)", isFirst: true)
      peer.session = [UInt8](repeating: UInt8(number), count: 16)
      return peer
    }
    one.replace(with: many, at: Self.at(0))
    #expect(one.due(at: Self.at(100_000)).asks.count == EchoPeer.most)
    one.replace(with: [], at: Self.at(0))
    #expect(one.due(at: Self.at(200_000)).asks.isEmpty)
  }

  @Test func `a receiver tells each node of those that were heard, and both ends alike`() throws {
    let sessions = ReceiverSessions()
    var random = SystemRandomNumberGenerator()
    let secrets = PairSecrets(using: &random)
    let address = try DatagramAddress(host: "127.0.0.1", port: 4711)
    for name in ["a", "b", "silent"] {
      let session = HeartbeatSession(for: NodeID(unchecked: name), Incarnation(1), using: &random)
      try sessions.register(session)
      guard name != "silent" else { continue }
      let heartbeat = Heartbeat(
        node: session.node, incarnation: session.incarnation, sequence: 1, progress: 0,
        isBusy: false, load: .idle)
      try sessions.note(.heartbeat(heartbeat), of: session.id, from: address)
    }
    func peers(_ name: String) -> [EchoPeer] {
      sessions.echoPeers(of: NodeID(unchecked: name), secrets, at: Self.at(0))
    }
    let (ofA, ofB) = (peers("a"), peers("b"))
    #expect(ofA.map(\.node.text) == ["b"] && ofB.map(\.node.text) == ["a"])
    #expect(ofA[0].session == ofB[0].session && ofA[0].key == ofB[0].key)
    #expect(ofA[0].isFirst && !ofB[0].isFirst)
    #expect(ofA[0].host == "127.0.0.1" && ofA[0].port == 4711)
    #expect(peers("silent").isEmpty)
  }
}
