import ClusterModel
import PropertyTesting
import Testing

@Suite struct ByteCountTests {
  @Test func `a number of bytes is written in the largest whole unit`() {
    #expect(ByteCount.mebibytes(64).description == "64MiB")
    #expect(ByteCount.gibibytes(4).description == "4GiB")
    #expect(ByteCount(bytes: 1025 << 10).description == "1025KiB")
    #expect(ByteCount(bytes: 1500).description == "1500B")
    #expect(ByteCount(bytes: 0).description == "0B")
  }

  @Test func `any text says the same number of bytes, without loss`() async throws {
    let shifts = Generator<Int>.element(of: [0, 10, 20, 30])
    try await checkProperty(
      "the text of a byte count is exact", cases: 1000,
      zip(Generator<Int>.int(in: 0...1 << 32), shifts)
    ) { number, shift in
      let count = ByteCount(bytes: number << shift)
      let text = count.description
      let units = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)]
      guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }),
        let value = Int(text.dropLast(unit.count))
      else { return false }
      return value << factor == count.bytes
    }
  }
}
