public import ClusterModel

/// One of `limits`, given by name: `memory=64MiB`.
public enum LimitSetting {
  /// Those of one run that nobody gathers the output of.
  public static let names = [
    "memory", "cpu", "wall", "open-files", "calls", "call-bytes", "outstanding-calls",
  ]

  /// - Throws: ``Problem`` `limit_invalid`, which says what is allowed.
  public static func apply(_ setting: String, to limits: inout ActivationLimits) throws(Problem) {
    let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    guard parts.count == 2 else {
      throw invalid("\(setting) has no value", "a name, = and a value, like memory=64MiB")
    }
    typealias Range = ActivationLimits.Range
    switch parts[0] {
    case "memory":
      let bytes = try read(parts, .size(Range.memory, like: limits.memory))
      limits.memory = ByteCount(bytes: Int(bytes))
    case "cpu":
      limits.cpuTime = .nanoseconds(
        try read(parts, .duration(Range.cpuTime, like: limits.cpuTime)))
    case "wall":
      limits.wallTime = .nanoseconds(
        try read(parts, .duration(Range.wallTime, like: limits.wallTime)))
    case "open-files": limits.openFiles = try count(parts, Range.openFiles)
    case "calls": limits.calls = try count(parts, Range.calls)
    case "call-bytes":
      let bytes = try read(parts, .size(Range.callBytes, like: limits.callBytes))
      limits.callBytes = ByteCount(bytes: Int(bytes))
    case "outstanding-calls": limits.outstandingCalls = try count(parts, Range.outstandingCalls)
    case let name:
      throw invalid("there is no limit \(name)", names.joined(separator: ", "))
    }
  }

  /// A size by itself: `16MiB`.
  ///
  /// - Throws: ``Problem`` `limit_invalid`.
  public static func size(
    _ name: String, _ text: String, in range: ClosedRange<ByteCount>, like example: ByteCount
  ) throws(Problem) -> ByteCount {
    ByteCount(bytes: Int(try read([name, text], .size(range, like: example))))
  }

  private static func count(
    _ parts: [String], _ range: ClosedRange<Int>
  ) throws(Problem) -> Int {
    guard let count = Int(parts[1]), range.contains(count) else {
      throw invalid("\(parts[0]) is \(parts[1])", "\(range.lowerBound) to \(range.upperBound)")
    }
    return count
  }

  private static func read(_ parts: [String], _ quantity: Quantity) throws(Problem) -> Int64 {
    guard case .value(let value) = quantity.read(parts[1]) else {
      throw invalid("\(parts[0]) is \(parts[1])", quantity.allowed)
    }
    return value
  }

  private static func invalid(_ message: String, _ allowed: String) -> Problem {
    Problem(.invalidInput, code: "limit_invalid", message, cause: "allowed: \(allowed)")
  }
}
