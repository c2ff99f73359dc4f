/// A sum that shows what a disk does to bytes, not what somebody forges: each step is one to one, so that no
/// change of a single word goes unnoticed, and it takes a small part of what a cryptographic one does.
struct DamageSum: Equatable, Sendable {
  private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15

  @inline(__always)
  mutating func add(_ word: UInt64) {
    value ^= word
    value &*= 0xff51_afd7_ed55_8ccd
    value ^= value >> 32
  }

  @inline(__always)
  mutating func add(_ number: Int64) { add(UInt64(bitPattern: number)) }

  /// Their number, and all of them: what is added before and after cannot be taken for a part of them.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    add(UInt64(bytes.count))
    let whole = bytes.count & ~7
    for offset in stride(from: 0, to: whole, by: 8) {
      add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
    }
    if whole < bytes.count {
      var rest: UInt64 = 0
      for offset in whole..<bytes.count { rest = rest << 8 | UInt64(bytes[offset]) }
      add(rest)
    }
  }

  mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }
}
