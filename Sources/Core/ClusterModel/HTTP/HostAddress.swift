/// An IP address.
public enum HostAddress: Hashable, Sendable {
  case v4(UInt32)
  case v6(UInt64, UInt64)

  /// As RFC 4291 and the dotted form of four decimal numbers have it; `nil` for anything else, also for
  /// forms that some programs take for addresses (`127.1`, `0x7f.1`).
  public init?(_ text: String) {
    if text.utf8.contains(UInt8(ascii: ":")) {
      guard let groups = Self.groups(text) else { return nil }
      func half(_ range: Range<Int>) -> UInt64 {
        groups[range].reduce(0) { $0 << 16 | UInt64($1) }
      }
      self = Self.unmapped(half(0..<4), half(4..<8))
    } else {
      guard let value = Self.dotted(text) else { return nil }
      self = .v4(value)
    }
  }

  /// An IPv4 address in the clothes of IPv6 is that address.
  public static func unmapped(_ high: UInt64, _ low: UInt64) -> HostAddress {
    high == 0 && low >> 32 == 0xffff
      ? .v4(UInt32(truncatingIfNeeded: low)) : .v6(high, low)
  }

  /// Whether anybody on the Internet has it, as far as the registries of IANA say: it is not the machine
  /// itself, its network, a private one, or set aside for something else.
  public var isPublic: Bool {
    switch self {
    case .v4: !Self.special.contains { $0.contains(self) }
    case .v6:
      Self.global.contains(self) && !Self.special.contains { $0.contains(self) }
    }
  }

  private static let global = AddressBlock(unchecked: "2000::/3")

  /// What is not public of IPv4, and within `2000::/3` of IPv6: addresses for documentation and tests, and
  /// those that carry an IPv4 address, which nobody has checked.
  private static let special = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32",
    "2002::/16", "3fff::/20",
  ].map { AddressBlock(unchecked: $0) }

  private static func dotted(_ text: some StringProtocol) -> UInt32? {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      // A leading zero is octal to some.
      guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
        part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        let number = UInt8(String(decoding: Array(part), as: UTF8.self))
      else { return nil }
      value = value << 8 | UInt32(number)
    }
    return value
  }

  /// The eight groups of an IPv6 address.
  private static func groups(_ text: String) -> [UInt16]? {
    let halves = split(text)
    guard halves.count <= 2 else { return nil }
    var read: [[UInt16]] = []
    for (index, half) in halves.enumerated() {
      guard let groups = groups(ofHalf: half, mayEndDotted: index == halves.count - 1) else {
        return nil
      }
      read.append(groups)
    }
    let count = read.reduce(0) { $0 + $1.count }
    guard read.count == 2 else { return count == 8 ? read.first : nil }
    guard count < 8 else { return nil }
    return read[0] + [UInt16](repeating: 0, count: 8 - count) + read[1]
  }

  /// What stands before and behind `::`.
  private static func split(_ text: String) -> [Substring] {
    var halves: [Substring] = []
    var rest = text[...]
    while let index = rest.indices.first(where: { rest[$0...].hasPrefix("::") }) {
      halves.append(rest[..<index])
      rest = rest[rest.index(index, offsetBy: 2)...]
    }
    return halves + [rest]
  }

  private static func groups(ofHalf half: Substring, mayEndDotted: Bool) -> [UInt16]? {
    guard !half.isEmpty else { return [] }
    let parts = half.split(separator: ":", omittingEmptySubsequences: false)
    var groups: [UInt16] = []
    for (index, part) in parts.enumerated() {
      if mayEndDotted, index == parts.count - 1, let value = dotted(part) {
        groups += [UInt16(value >> 16), UInt16(truncatingIfNeeded: value)]
        continue
      }
      guard (1...4).contains(part.utf8.count), part.utf8.first != UInt8(ascii: "+"),
        let group = UInt16(part, radix: 16)
      else { return nil }
      groups.append(group)
    }
    return groups
  }
}

/// Addresses that begin with the same bits: `10.20.0.0/16`; a single one: `10.20.0.1`.
public struct AddressBlock: ValidatedText {
  public static let kind = "block of addresses"
  public static let rule = "an IP address, or one with the number of its leading bits: 10.20.0.0/16"
  public let text: String
  private let first: HostAddress
  private let bits: Int

  public init(unchecked text: String) {
    guard let (first, bits) = Self.parse(text) else {
      preconditionFailure("\(text) is no block of addresses")
    }
    self.text = text
    self.first = first
    self.bits = bits
  }

  public static func isValid(_ text: String) -> Bool { parse(text) != nil }

  public func contains(_ address: HostAddress) -> Bool {
    switch (first, address) {
    case (.v4(let own), .v4(let other)):
      bits == 0 || (own ^ other) >> UInt32(32 - bits) == 0
    case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
      Self.agree(high, otherHigh, min(bits, 64)) && Self.agree(low, otherLow, max(bits - 64, 0))
    case (.v4, .v6), (.v6, .v4): false
    }
  }

  private static func agree(_ left: UInt64, _ right: UInt64, _ bits: Int) -> Bool {
    bits == 0 || (left ^ right) >> UInt64(64 - bits) == 0
  }

  private static func parse(_ text: String) -> (HostAddress, Int)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = HostAddress(String(parts[0])) else { return nil }
    let most = if case .v4 = address { 32 } else { 128 }
    guard parts.count == 2 else { return (address, most) }
    guard (1...3).contains(parts[1].utf8.count),
      parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let bits = Int(parts[1]), bits <= most
    else { return nil }
    return (address, bits)
  }
}
