import ClusterModel

/// The W3C trace context that is handed to a guest: the trace of the event, a span of its own.
struct TraceContext {
  let parent: String
  /// Whether the trace was begun elsewhere; only then does its `tracestate` mean anything.
  let isContinued: Bool

  /// - Parameter given: a `traceparent` from outside; what is malformed begins a new trace.
  init(continuing given: String?, using random: inout some RandomNumberGenerator) {
    let parts = (given ?? "").split(separator: "-", omittingEmptySubsequences: false)
    let span = Self.identifier(words: 1, &random)
    if parts.count == 4, parts[0] == "00", let trace = Hexadecimal.decode(parts[1]),
      trace.count == 16, trace.contains(where: { $0 != 0 }),
      let from = Hexadecimal.decode(parts[2]),
      from.count == 8, from.contains(where: { $0 != 0 }), Hexadecimal.decode(parts[3])?.count == 1
    {
      parent = "00-\(parts[1])-\(span)-\(parts[3])"
      isContinued = true
    } else {
      parent = "00-\(Self.identifier(words: 2, &random))-\(span)-01"
      isContinued = false
    }
  }

  /// Hexadecimal digits of 8 bytes a word, not all of them zero.
  private static func identifier(
    words: Int, _ random: inout some RandomNumberGenerator
  ) -> String {
    (0..<words).map { _ in
      let word = UInt64.random(in: 1 ... .max, using: &random)
      return Hexadecimal.encode((0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) })
    }.joined()
  }
}
