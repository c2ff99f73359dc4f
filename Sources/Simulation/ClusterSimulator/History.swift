/// What happened, line by line, for people.
final class History {
  private(set) var lines: [String] = []
  /// The newest are kept: the beginning of a long run is seldom what matters.
  private static let kept = 2_000_000

  func note(_ at: Int64, _ text: String) {
    if lines.count >= Self.kept { lines.removeFirst(Self.kept / 10) }
    lines.append("\(Self.time(at)) \(text)")
  }

  /// Seconds of virtual time, to the microsecond.
  static func time(_ nanoseconds: Int64) -> String {
    let micros = nanoseconds / 1000
    let fraction = String(micros % 1_000_000)
    return "\(micros / 1_000_000)."
      + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
  }
}
