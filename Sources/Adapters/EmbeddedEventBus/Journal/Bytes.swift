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

  /// - Returns: where they stand.
  @discardableResult
  mutating func put(_ data: [UInt8]) -> Range<Int> {
    put(data.count)
    let start = bytes.count
    bytes.append(contentsOf: data)
    return start..<bytes.count
  }

  /// Bytes that another writer put together, or that say themselves how many they are.
  mutating func putAsTheyAre(_ data: UnsafeRawBufferPointer) { bytes.append(contentsOf: data) }

  /// What `body` puts behind what is there, after its length.
  ///
  /// - Returns: where that stands.
  mutating func putField(_ body: (inout [UInt8]) -> Void) -> Range<Int> {
    put(0)
    let start = bytes.count
    body(&bytes)
    replace(at: start - 8, UInt64(bytes.count - start))
    return start..<bytes.count
  }

  /// Zeros up to a multiple of `size`.
  mutating func pad(to size: Int) {
    while !bytes.count.isMultiple(of: size) { bytes.append(0) }
  }

  /// Puts a number where something else was put before.
  mutating func replace(at position: Int, _ number: UInt64) {
    for index in 0..<8 {
      bytes[position + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
    }
  }
}

/// Takes apart what a ``ByteWriter`` put together. Bytes that none did are ``DamagedRow``.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private(set) var position: Int

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

  mutating func data() throws(DamagedRow) -> [UInt8] { Array(try take(count())) }

  /// All that was taken since the reader was there.
  func taken(since start: Int) -> [UInt8] { Array(bytes[start..<position]) }

  private mutating func take(_ count: Int) throws(DamagedRow) -> ArraySlice<UInt8> {
    guard count <= bytes.endIndex - position else { throw DamagedRow() }
    defer { position += count }
    return bytes[position..<position + count]
  }
}
