import ClusterModel
import PropertyTesting
import Testing

@testable import EmbeddedEventBus

@Suite struct JournalFrameTests {
  private static let log: UInt64 = 0x1234_5678_9abc_def0

  private func file(_ contents: [[UInt8]]) -> (bytes: [UInt8], ends: [Int]) {
    var (bytes, ends): ([UInt8], [Int]) = ([], [])
    for (index, content) in contents.enumerated() {
      bytes += JournalFrame.encode(number: UInt64(index + 1), of: Self.log, capacity: 0) {
        $0.put(content)
      }
      ends.append(bytes.count)
    }
    return (bytes, ends)
  }

  private func numbers(_ bytes: [UInt8]) -> [UInt64] {
    JournalFrame.all(in: bytes, of: Self.log).map(\.number)
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery
  @Test func `of a journal that is damaged anywhere, exactly the frames that are whole are found`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 11: a frame of the journal is read as it was written, or not at all",
      cases: 200,
      zip(
        Generator<[UInt8]>.bytes(count: 0...200).array(count: 1...6),
        Generator<Int>.int(in: 0...2000), Generator<UInt8>.int(in: 1...255))
    ) { contents, place, flip in
      var (bytes, ends) = file(contents)
      let all = JournalFrame.all(in: bytes, of: Self.log)
      guard all.map(\.number) == (1...UInt64(contents.count)).map({ $0 }) else { return false }
      for (frame, content) in zip(all, contents) {
        var reader = ByteReader(frame.content)
        guard try reader.data() == content, reader.isAtEnd else { return false }
      }
      bytes[place % bytes.count] ^= flip
      let damaged = UInt64(ends.firstIndex { place % bytes.count < $0 } ?? 0) + 1
      return numbers(bytes) == all.map(\.number).filter { $0 != damaged }
    }
  }

  @Test func `a frame that was cut off, and what another log wrote, are nothing`() {
    let (bytes, ends) = file([[1], [2, 3]])
    for end in ends[0]..<ends[1] { #expect(numbers(Array(bytes[..<end])) == [1]) }
    #expect(JournalFrame.all(in: bytes, of: 1).isEmpty)
    #expect(numbers([UInt8](repeating: 0xff, count: 4096)) == [])
  }

  @Test func `a length that cannot be is no reason to read beyond the end`() {
    var (bytes, _) = file([[1]])
    for length in [UInt64.max, UInt64.max - 40, 1 << 40, UInt64(bytes.count)] {
      withUnsafeBytes(of: length.littleEndian) { bytes.replaceSubrange(24..<32, with: $0) }
      #expect(numbers(bytes) == [])
    }
  }
}

@Suite struct EnvelopeTextTests {
  private static let texts = Generator<[UInt8]>.bytes(count: 0...12).map { bytes in
    // Everything that JSON writes differently, and what is longer than a byte.
    let signs: [String] = [
      "\"", "\\", "\u{0}", "\u{1f}", "\n", "/", "é", "\u{2028}", "😀", "a", " ", "\u{7f}",
    ]
    return bytes.map { signs[Int($0) % signs.count] }.joined()
  }

  @Test func `any event is read back from its text as it was`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 11: an event's attributes are kept whatever is in them",
      cases: 300, zip(Self.texts.array(count: 6...6), Generator<Int>.int(in: 0...63))
    ) { texts, which in
      func optional(_ bit: Int, _ text: String) -> String? { which & bit == 0 ? nil : text }
      let event = Event(
        id: texts[0], source: texts[1], type: texts[2], topic: Topic(unchecked: "a/b"),
        subject: optional(1, texts[3]),
        time: which & 2 == 0 ? nil : WallInstant(microseconds: 1_700_000_000_123_456),
        dataContentType: optional(4, texts[4]), dataSchema: optional(8, texts[5]),
        extensions: which & 16 == 0
          ? []
          : [
            Event.Attribute(name: "a", value: texts[3]),
            Event.Attribute(name: "b", value: texts[5]),
          ], data: [7])
      var bytes: [UInt8] = []
      EnvelopeText.put(event, into: &bytes)
      let envelope: StoredEnvelope = try EventTables.decode(String(decoding: bytes, as: UTF8.self))
      return envelope.event(data: [7]) == event
    }
  }
}
