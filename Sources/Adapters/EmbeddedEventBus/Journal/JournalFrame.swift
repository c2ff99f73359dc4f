/// What is written into the journal at once, and is there whole or not at all:
///
///      0  a mark
///      8  whose journal it is: the number that the event log got when it was made
///     16  its number: one more than that of the frame before
///     24  how many bytes of content there are
///     32  a checksum of all of this and the content
///     40  the content, and zeros up to a multiple of 8 bytes
///
/// Each number has 8 bytes, the least first.
struct JournalFrame: Equatable {
  var number: UInt64
  var content: ArraySlice<UInt8>

  /// "WMframe1".
  private static let mark: UInt64 = 0x3165_6d61_7266_4d57
  private static let alignment = 8
  private static let headerSize = 40

  /// A frame with the content that `body` puts into it.
  static func encode(
    number: UInt64, of log: UInt64, capacity: Int, _ body: (inout ByteWriter) -> Void
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.reserve(headerSize + capacity)
    writer.put(mark)
    writer.put(log)
    writer.put(number)
    writer.put(0)
    writer.put(0)
    body(&writer)
    let size = UInt64(writer.bytes.count - headerSize)
    writer.pad(to: alignment)
    writer.replace(at: 24, size)
    writer.replace(at: 32, checksum(writer.bytes[...]))
    return writer.bytes
  }

  /// All frames of a log that are whole in a file, in the order in which they lie there: also old ones that
  /// were not written over yet, and such as lie behind something damaged.
  static func all(in bytes: [UInt8], of log: UInt64) -> [JournalFrame] {
    var frames: [JournalFrame] = []
    var position = 0
    while position + headerSize <= bytes.count {
      if let (frame, size) = frame(at: position, in: bytes, of: log) {
        frames.append(frame)
        position += size
      } else {
        position += alignment
      }
    }
    return frames
  }

  private static func frame(
    at position: Int, in bytes: [UInt8], of log: UInt64
  ) -> (JournalFrame, size: Int)? {
    guard word(bytes[position...]) == mark, word(bytes[(position + 8)...]) == log else {
      return nil
    }
    let length = word(bytes[(position + 24)...])
    let room = bytes.count - position - headerSize
    guard length <= UInt64(room) else { return nil }
    let padded = (Int(length) + alignment - 1) / alignment * alignment
    guard padded <= room else { return nil }
    let end = position + headerSize + padded
    guard word(bytes[(position + 32)...]) == checksum(bytes[position..<end]) else { return nil }
    let start = position + headerSize
    return (
      JournalFrame(
        number: word(bytes[(position + 16)...]), content: bytes[start..<start + Int(length)]),
      headerSize + padded
    )
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
  }

  /// Of a whole frame, as if no checksum were in it.
  private static func checksum(_ frame: ArraySlice<UInt8>) -> UInt64 {
    frame.withUnsafeBytes { bytes in
      var sum = DamageSum()
      for offset in stride(from: 0, to: bytes.count, by: alignment) where offset != 32 {
        sum.add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      }
      return sum.value
    }
  }
}
