/// A number of bytes.
public struct ByteCount: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  public var bytes: Int
  public init(bytes: Int) { self.bytes = bytes }

  public static func kibibytes(_ count: Int) -> Self { Self(bytes: count << 10) }
  public static func mebibytes(_ count: Int) -> Self { Self(bytes: count << 20) }
  public static func gibibytes(_ count: Int) -> Self { Self(bytes: count << 30) }

  public static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

  /// The largest binary unit that leaves a whole number: `64MiB`, `1500B`. Reads back as itself.
  public var description: String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")]
    where bytes != 0 && bytes % (1 << shift) == 0 {
      return "\(bytes >> shift)\(unit)"
    }
    return "\(bytes)B"
  }

  public init(from decoder: any Decoder) throws {
    bytes = try decoder.singleValueContainer().decode(Int.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(bytes)
  }
}
