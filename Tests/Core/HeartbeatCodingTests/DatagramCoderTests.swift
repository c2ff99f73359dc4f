import ClusterModel
import PropertyTesting
import Testing

@testable import HeartbeatCoding

/// Everything a session can be, and what is said in it.
enum Said {
  static let session = Generator<HeartbeatSession> { choices in
    var random = SeededRandom(seed: choices.next(upTo: .max))
    return HeartbeatSession(
      for: NodeID(unchecked: "node-1"), Incarnation(choices.next(upTo: .max)), using: &random)
  }

  private static let number = Generator<UInt64>.int(in: 0 ... .max)
  private static let share = Generator<Int>.int(in: 0...1000).map { Double($0) / 10 }

  static func datagram(of session: HeartbeatSession, by side: HeartbeatSide) -> Generator<
    HeartbeatDatagram
  > {
    let echoes = [
      number.map { HeartbeatDatagram.echoRequest(EchoStamp($0)) },
      number.map { HeartbeatDatagram.echoReply(EchoStamp($0)) },
    ]
    switch side {
    case .agent:
      return .oneOf(
        [
          heartbeat(of: session), .constant(.deathNotice(session.incarnation)),
        ] + echoes)
    case .controlPlane:
      let acknowledgement = zip(number, number, number).map { sequence, counter, term in
        HeartbeatDatagram.acknowledgement(
          HeartbeatAcknowledgement(
            incarnation: session.incarnation, sequence: sequence,
            plan: PlanVersion(term: term / 2, counter: counter), term: term))
      }
      return .oneOf([acknowledgement] + echoes)
    }
  }

  private static func heartbeat(of session: HeartbeatSession) -> Generator<HeartbeatDatagram> {
    Generator { choices in
      let load = try? NodeLoad(
        cpuPercent: share.generate(&choices), memoryPercent: share.generate(&choices),
        activeModules: Int(choices.next(upTo: UInt64(Int.max))))
      return .heartbeat(
        Heartbeat(
          node: session.node, incarnation: session.incarnation, sequence: number.generate(&choices),
          progress: number.generate(&choices), isBusy: choices.next(upTo: 1) == 1,
          heardAgo: .microseconds(Int64(choices.next(upTo: 1 << 40))), load: load ?? .idle))
    }
  }

  struct Case {
    let session: HeartbeatSession
    let side: HeartbeatSide
    let datagram: HeartbeatDatagram
    var written: [UInt8] { DatagramCoder(session, as: side).encode(datagram) }
    var reader: DatagramCoder { DatagramCoder(session, as: side.other) }
  }

  static let something = Generator<Case> { choices in
    let session = session.generate(&choices)
    let side: HeartbeatSide = choices.next(upTo: 1) == 0 ? .agent : .controlPlane
    return Case(
      session: session, side: side,
      datagram: datagram(of: session, by: side).generate(&choices))
  }
}

private func refusal(_ coder: DatagramCoder, _ bytes: [UInt8]) -> DatagramRefusal? {
  do throws(DatagramRefusal) {
    _ = try coder.decode(bytes[...])
    return nil
  } catch {
    return error
  }
}

struct DatagramCoderTests {
  @Test func `what one end writes the other reads`() async throws {
    try await checkProperty("datagrams are read as written", cases: 500, Said.something) { said in
      let bytes = said.written
      return try said.reader.decode(bytes[...]) == said.datagram
        && bytes.count <= DatagramCoder.largest && bytes.count >= DatagramCoder.smallest
    }
  }

  @Test func `no bit may differ`() async throws {
    try await checkProperty("a flipped bit is refused", Said.something) { said in
      let written = said.written
      return (0..<written.count * 8).allSatisfy { bit in
        var bytes = written
        bytes[bit / 8] ^= 1 << (bit % 8)
        return refusal(said.reader, bytes) != nil
      }
    }
  }

  @Test func `nothing is read from what is cut off`() async throws {
    try await checkProperty("a cut datagram is refused", Said.something) { said in
      let written = said.written
      return (0..<written.count).allSatisfy { refusal(said.reader, Array(written[..<$0])) != nil }
    }
  }

  @Test func `bytes of anybody are refused`() async throws {
    let hostile = zip(Said.something, Generator<[UInt8]>.bytes(count: 0...300))
    try await checkProperty("hostile bytes are refused", cases: 500, hostile) { said, bytes in
      var dressed = bytes
      // Everything that is known without the key.
      dressed.replaceSubrange(
        0..<min(DatagramCoder.headerSize, dressed.count),
        with: said.written.prefix(min(DatagramCoder.headerSize, dressed.count)))
      return refusal(said.reader, bytes) != nil && refusal(said.reader, dressed) != nil
    }
  }

  @Test func `authentic bytes that mean nothing are refused`() async throws {
    let hostile = zip(
      Said.something, Generator<UInt8>.int(in: 0...255), Generator<[UInt8]>.bytes(count: 0...160))
    try await checkProperty("authentic nonsense is no crash", cases: 1000, hostile) {
      said, kind, body in
      let bytes = DatagramCoder(said.session, as: said.side).encode(kind: kind, body: body)
      // Echoes mean something whatever they say; nothing else is met by chance.
      guard let refusal = refusal(said.reader, bytes) else {
        return kind == 3 || kind == 4
      }
      return refusal == .content || refusal == .kind || refusal == .size
    }
  }

  @Test func `a datagram that comes back to its sender is refused`() async throws {
    try await checkProperty("no reflection", Said.something) { said in
      refusal(DatagramCoder(said.session, as: said.side), said.written) == .unauthentic
    }
  }

  @Test func `a datagram of another session is refused`() async throws {
    try await checkProperty("no other session", zip(Said.something, Said.session)) { said, other in
      let sameName = HeartbeatSession(
        id: said.session.id, key: other.key, node: other.node, incarnation: other.incarnation)
      return refusal(DatagramCoder(other, as: said.side.other), said.written) == .session
        && refusal(DatagramCoder(sameName, as: said.side.other), said.written) == .unauthentic
    }
  }

  @Test func `what a newer minor version adds is skipped`() async throws {
    let longer = zip(Said.something, Generator<[UInt8]>.bytes(count: 1...60))
    try await checkProperty("longer bodies are read", longer) { said, more in
      let bytes = DatagramCoder(said.session, as: said.side)
        .encode(kind: Kind(said.datagram), body: said.datagram.body + more)
      return try said.reader.decode(bytes[...]) == said.datagram
    }
  }

  @Test func `the incarnation is that of the session`() {
    var random = SeededRandom(seed: 1)
    let session = HeartbeatSession(
      for: NodeID(unchecked: "a"), Incarnation(7), using: &random)
    let written = DatagramCoder(session, as: .agent).encode(.deathNotice(Incarnation(8)))
    #expect(refusal(DatagramCoder(session, as: .controlPlane), written) == .content)
  }

  @Test func `the layout is the one that is documented`() throws {
    let session = HeartbeatSession(
      id: try HeartbeatSessionID(0..<16), key: try HeartbeatKey(0..<32),
      node: NodeID(unchecked: "a"), incarnation: Incarnation(0x0102_0304_0506_0708))
    let heartbeat = Heartbeat(
      node: session.node, incarnation: session.incarnation, sequence: 3, progress: 4, isBusy: true,
      heardAgo: .microseconds(6),
      load: try NodeLoad(cpuPercent: 50, memoryPercent: 25, activeModules: 2))
    let bytes = DatagramCoder(session, as: .agent).encode(.heartbeat(heartbeat))
    #expect(bytes.count == 97)
    let text = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    let documented = [
      "574d4842", "01", "01", "3900", "000102030405060708090a0b0c0d0e0f", "0807060504030201",
      "0300000000000000", "0400000000000000", "01", "0000000000004940", "0000000000003940",
      "0200000000000000", "0600000000000000",
    ]
    #expect(text.hasPrefix(documented.joined()))
    // From Python: hmac.digest(bytes(range(32)), b"\x01" + datagram[:-16], "sha256")[:16].
    #expect(text.suffix(32) == "0b13eadda5317192e0eda1dcea3cdc40")
  }

  @Test func `a heartbeat that does not say when its agent heard us is one of an agent that did`()
    throws
  {
    let session = HeartbeatSession(
      id: try HeartbeatSessionID(0..<16), key: try HeartbeatKey(0..<32),
      node: NodeID(unchecked: "a"), incarnation: Incarnation(7))
    var heartbeat = Heartbeat(
      node: session.node, incarnation: session.incarnation, sequence: 3, progress: 4, isBusy: true,
      heardAgo: .seconds(9), load: .idle)
    let body = HeartbeatDatagram.heartbeat(heartbeat).body
    let written = DatagramCoder(session, as: .agent).encode(
      kind: .heartbeat, body: body.dropLast(8))
    heartbeat.heardAgo = .zero
    #expect(
      try DatagramCoder(session, as: .controlPlane).decode(written[...]) == .heartbeat(heartbeat))
  }

  @Test func `the key is not shown`() {
    var random = SeededRandom(seed: 1)
    let session = HeartbeatSession(for: NodeID(unchecked: "a"), Incarnation(7), using: &random)
    let shown = "\(session)" + String(reflecting: session)
    #expect(!shown.contains("\(session.key.bytes[0]), \(session.key.bytes[1])"))
    #expect(shown.contains("secret"))
  }
}

struct RoundTripEstimateTests {
  @Test func `a single late answer does not count for much`() {
    var estimate = RoundTripEstimate(.microseconds(100))
    estimate.take(.microseconds(900))
    #expect(estimate.smoothed == .microseconds(200))
    #expect(estimate.least == .microseconds(100))
    #expect(estimate.count == 2)
  }

  @Test func `it lies between the smallest and the largest that was measured`() async throws {
    let measured = Generator<Int>.int(in: 0...10_000_000).array(count: 1...100)
    try await checkProperty("estimates stay within bounds", measured) { measured in
      guard let first = measured.first else { return true }
      var estimate = RoundTripEstimate(.microseconds(first))
      for one in measured.dropFirst() { estimate.take(.microseconds(one)) }
      let (least, most) = (measured.min() ?? 0, measured.max() ?? 0)
      return estimate.least == .microseconds(least)
        && estimate.smoothed >= .microseconds(least) && estimate.smoothed <= .microseconds(most)
        && estimate.count == measured.count
    }
  }
}
