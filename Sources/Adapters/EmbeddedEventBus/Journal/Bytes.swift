import Foundation

/// Puts numbers and texts behind each other, as ``ByteReader`` takes them apart again: numbers in 8 bytes,
/// the least first; whatever has a length after its length.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

  mutating func put(_ number: Int64) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ number: UInt64) { put(Int64(bitPattern: number)) }

  mutating func put(_ number: Int) { put(Int64(number)) }

  mutating func put(_ text: String) {
    put(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func put(_ data: Data) {
    put(data.count)
    bytes.append(contentsOf: data)
  }

  /// Zeros up to a multiple of `size`.
  mutating func pad(to size: Int) {
    while !bytes.count.isMultiple(of: size) { bytes.append(0) }
  }

  /// Puts a number where something else was put before.
  mutating func replace(at position: Int, _ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) {
      bytes.replaceSubrange(position..<position + 8, with: $0)
    }
  }
}

/// Takes apart what a ``ByteWriter`` put together. Bytes that none did are ``DamagedRow``.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }

  mutating func number() throws(DamagedRow) -> Int64 {
    var number: UInt64 = 0
    for (index, byte) in try take(8).enumerated() { number |= UInt64(byte) << (8 * index) }
    return Int64(bitPattern: number)
  }

  /// A number that says how many of something follow, each at least a byte long.
  mutating func count() throws(DamagedRow) -> Int {
    let count = try number()
    guard (0...Int64(bytes.endIndex - position)).contains(count) else { throw DamagedRow() }
    return Int(count)
  }

  mutating func text() throws(DamagedRow) -> String {
    String(decoding: try take(count()), as: UTF8.self)
  }

  mutating func data() throws(DamagedRow) -> Data { Data(try take(count())) }

  private mutating func take(_ count: Int) throws(DamagedRow) -> ArraySlice<UInt8> {
    guard count <= bytes.endIndex - position else { throw DamagedRow() }
    defer { position += count }
    return bytes[position..<position + count]
  }
}
