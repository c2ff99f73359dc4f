internal import ClusterModel
internal import ControlAPIModel

/// The query of a request, decoded: every name once, every name known to the route.
struct QueryParameters: Sendable {
  /// The most parameters that are looked at.
  static let maximumCount = 20

  private let values: [String: String]

  /// - Parameter known: the names that the route takes.
  /// - Throws: ``Problem`` with `query_invalid`.
  init(_ text: String, known: Set<String>) throws(Problem) {
    var values: [String: String] = [:]
    let pairs = text.split(separator: "&", maxSplits: Self.maximumCount)
    guard pairs.count <= Self.maximumCount else {
      throw Self.invalid("the query has more than \(Self.maximumCount) parameters")
    }
    for pair in pairs {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
        let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
      else {
        throw Self.invalid("\"\(pair.prefix(40))\" in the query is not percent-encoded UTF-8")
      }
      guard known.contains(name) else {
        throw Self.invalid(
          "the query parameter \"\(name.prefix(40))\" is not known here",
          next: known.isEmpty ? nil : "Known are: \(known.sorted().joined(separator: ", ")).")
      }
      guard values.updateValue(value, forKey: name) == nil else {
        throw Self.invalid("the query parameter \"\(name)\" is given twice")
      }
    }
    self.values = values
  }

  /// The value of a parameter; `nil` when it is not given.
  subscript(_ name: String) -> String? { values[name] }

  /// - Throws: ``Problem`` with `query_invalid` when it is given and is not within `range`.
  func integer(_ name: String, in range: ClosedRange<Int64>, default absent: Int64)
    throws(Problem) -> Int64
  {
    guard let text = values[name] else { return absent }
    guard let number = Int64(text), range.contains(number) else {
      throw Self.invalid(
        "\(name)=\(text.prefix(40)) is not a number in range",
        next: "It can be \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  /// How many items an answer may have.
  func limit() throws(Problem) -> Int {
    Int(try integer("limit", in: 1...Int64(APILimits.page), default: Int64(APILimits.defaultPage)))
  }

  func bool(_ name: String) throws(Problem) -> Bool {
    switch values[name] {
    case nil, "false": return false
    case "true", "": return true
    case let text?:
      throw Self.invalid(
        "\(name)=\(text.prefix(40)) is neither true nor false", next: "Use \(name)=true.")
    }
  }

  /// A time such as `10s`, `500ms` or `2m`; zero when it is not given.
  func duration(_ name: String, atMost maximum: Duration) throws(Problem) -> Duration {
    guard let text = values[name] else { return .zero }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit: Duration? =
      switch text.dropFirst(digits.count) {
      case "ms": .milliseconds(1)
      case "s": .seconds(1)
      case "m": .seconds(60)
      case _: nil
      }
    guard let unit, let count = Int32(digits), unit * count <= maximum else {
      throw Self.invalid(
        "\(name)=\(text.prefix(40)) is not a time that is allowed",
        next: "Write it like 500ms, 10s or 2m; the longest is \(maximum.components.seconds)s.")
    }
    return unit * count
  }

  static func invalid(_ message: String, next: String? = nil) -> Problem {
    Problem(.invalidInput, code: "query_invalid", message, next: next)
  }
}

/// Percent-encoding (RFC 3986, section 2.1).
enum PercentEncoding {
  /// The text that was encoded; `nil` when a `%` is not followed by two hexadecimal digits, when
  /// the outcome is not UTF-8, or when it holds a NUL.
  static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else {
          return nil
        }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
      case _: bytes.append(byte)
      }
    }
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case _: nil
    }
  }
}
