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

  @Test(
    arguments: [
      ("2024-01-01T23:59:60Z", "2024-01-02T00:00:00.000000Z"),
      ("2024-01-01T00:00:00-23:59", "2024-01-01T23:59:00.000000Z"),
      ("2024-01-01t23:59:00+23:59z", nil),
      ("2024-01-01t23:59:00+23:59", "2024-01-01T00:00:00.000000Z"),
      ("2024-12-31T00:00:00z", "2024-12-31T00:00:00.000000Z"),
      ("2024-01-31T00:00:00.1Z", "2024-01-31T00:00:00.100000Z"),
      ("2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123456Z"),
      ("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.123456Z"),
      ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"),
      ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
    ] as [(String, String?)])
  func `the last of every part is a time`(text: String, expected: String?) {
    #expect(WallInstant(text)?.description == expected)
  }

  @Test(arguments: [
    "", "2024", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
    "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00+25:00", "2024-01-01T00:00:00Zx",
    "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-32T00:00:00Z", "1900-02-29T00:00:00Z",
    "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00.1234567890Z",
    "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00+0000",
    "2024/01/01T00:00:00Z", "2024-01/01T00:00:00Z", "2024-01-01T00-00:00Z", "2024-01-01T00:00-00Z",
    "٢٠٢٤-01-01T00:00:00Z",
  ])
  func `what is no time is refused`(text: String) { #expect(WallInstant(text) == nil) }
}
