/// What Prometheus allows in names and texts.
enum MetricName {
  /// Replaces what a metric name may not hold by `_`, and appends the suffix if it is not there.
  static func sanitised(_ label: String, suffix: String = "") -> String {
    var name = clean(label, colon: true)
    if !name.hasSuffix(suffix) { name += suffix }
    return name
  }

  /// Label names may not hold a colon; those beginning with `__` belong to Prometheus.
  static func sanitisedLabel(_ label: String) -> String {
    let name = clean(label, colon: false)
    return name.hasPrefix("__") || name == "le" ? "label" + name : name
  }

  private static func clean(_ text: String, colon: Bool) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "_"):
        bytes.append(byte)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
        bytes.append(byte)
      case UInt8(ascii: ":") where colon:
        bytes.append(byte)
      case _:
        bytes.append(UInt8(ascii: "_"))
      }
    }
    return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
  }

  static func escapedHelp(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case _: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  static func escapedValue(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"": escaped += "\\\""
      case _: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// A sample's value: whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value) { return String(whole) }
    return "\(value)"
  }
}

/// Labels with their values, sorted by name, each name once.
struct LabelSet: Hashable, Comparable {
  /// Where series go that are too many.
  static let overflow = LabelSet([("overflow", "true")])
  /// The longest value that is kept, in characters.
  static let maximumValue = 200

  private let names: [String]
  private let values: [String]

  init(_ dimensions: [(String, String)]) {
    var names: [String] = []
    var values: [String] = []
    let cleaned = dimensions.map { (MetricName.sanitisedLabel($0.0), $0.1) }
    for (name, value) in cleaned.sorted(by: { $0 < $1 }) where names.last != name {
      names.append(name)
      values.append(String(value.prefix(Self.maximumValue)))
    }
    self.names = names
    self.values = values
  }

  /// `{a="1",le="0.5"}`, or nothing when there are none.
  func written(bucket: String? = nil) -> String {
    var pairs = zip(names, values).map { "\($0)=\"\(MetricName.escapedValue($1))\"" }
    if let bucket { pairs.append("le=\"\(bucket)\"") }
    return pairs.isEmpty ? "" : "{" + pairs.joined(separator: ",") + "}"
  }

  static func < (left: Self, right: Self) -> Bool {
    if left.names != right.names { return left.names.lexicographicallyPrecedes(right.names) }
    return left.values.lexicographicallyPrecedes(right.values)
  }
}
