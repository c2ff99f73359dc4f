import ClusterModel
import Foundation
import PropertyTesting
import Testing

@Suite struct WallInstantTests {
  @Test func `any time reads back from its text`() async throws {
    let years0to9999 = Int64(-62_167_219_200_000_000)...Int64(253_402_300_799_999_999)
    try await checkProperty(
      "a time reads back", cases: 2000, Generator<Int64>.int(in: years0to9999)
    ) { microseconds in
      let instant = WallInstant(microseconds: microseconds)
      return WallInstant(instant.description) == instant
    }
  }

  @Test func `the text is the one that others write`() {
    #expect(WallInstant(microseconds: 0).description == "1970-01-01T00:00:00.000000Z")
    #expect(
      WallInstant(microseconds: 1_709_210_096_000_007).description == "2024-02-29T12:34:56.000007Z")
    #expect(WallInstant("2024-02-29T14:34:56.5+02:00")?.microseconds == 1_709_210_096_500_000)
    #expect(WallInstant("1969-12-31T23:59:59.999999999Z")?.microseconds == -1)
  }

  @Test(arguments: [
    "", "2024", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
    "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00+25:00", "2024-01-01T00:00:00Zx", "٢٠٢٤-01-01T00:00:00Z",
  ])
  func `what is no time is refused`(text: String) { #expect(WallInstant(text) == nil) }
}
