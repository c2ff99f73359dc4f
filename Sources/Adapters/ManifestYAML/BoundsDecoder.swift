import ClusterModel

/// What a module may use and how often it is tried: `limits` and `retry`.
struct BoundsDecoder {
  let values: ValueReader

  static let limitKeys = [
    "memory", "cpu", "wall", "output", "log", "calls", "call-bytes", "outstanding-calls",
    "open-files",
  ]
  static let retryKeys = ["attempts", "initial-delay", "maximum-delay", "answer-grace"]

  func limits(_ fields: Fields) -> ActivationLimits {
    var limits = ActivationLimits()
    guard let field = fields["limits"], let given = values.fields(field, keys: Self.limitKeys)
    else { return limits }
    typealias Range = ActivationLimits.Range
    set(&limits.memory, from: given["memory"], Range.memory)
    set(&limits.cpuTime, from: given["cpu"], Range.cpuTime)
    set(&limits.wallTime, from: given["wall"], Range.wallTime)
    set(&limits.output, from: given["output"], Range.output)
    set(&limits.log, from: given["log"], Range.log)
    limits.calls = given["calls"].flatMap { values.integer($0, Range.calls) } ?? limits.calls
    set(&limits.callBytes, from: given["call-bytes"], Range.callBytes)
    limits.openFiles =
      given["open-files"].flatMap { values.integer($0, Range.openFiles) } ?? limits.openFiles
    limits.outstandingCalls =
      given["outstanding-calls"].flatMap { values.integer($0, Range.outstandingCalls) }
      ?? limits.outstandingCalls
    return limits
  }

  func retry(_ fields: Fields) -> RetryPolicy {
    var policy = RetryPolicy()
    guard let field = fields["retry"], let given = values.fields(field, keys: Self.retryKeys)
    else { return policy }
    if let attempts = given["attempts"] {
      policy.attempts = values.integer(attempts, RetryPolicy.Range.attempts) ?? policy.attempts
    }
    set(&policy.answerGrace, from: given["answer-grace"], RetryPolicy.Range.answerGrace)
    let (initial, maximum) = (given["initial-delay"], given["maximum-delay"])
    let readable = [
      set(&policy.initialDelay, from: initial, RetryPolicy.Range.delay),
      set(&policy.maximumDelay, from: maximum, RetryPolicy.Range.delay),
    ]
    // An unreadable one was reported: nothing to compare with.
    guard !readable.contains(false), policy.initialDelay > policy.maximumDelay,
      let field = initial ?? maximum
    else { return policy }
    let first = Quantity.text(of: policy.initialDelay) + (initial == nil ? ", the default" : "")
    let longest = Quantity.text(of: policy.maximumDelay) + (maximum == nil ? ", the default" : "")
    values.report(
      "initial-delay (\(first)) is longer than maximum-delay (\(longest))", field,
      allowed: "initial-delay up to maximum-delay")
    return policy
  }

  private func set(_ size: inout ByteCount, from field: Field?, _ range: ClosedRange<ByteCount>) {
    guard let field, let value = values.size(field, range, like: size) else { return }
    size = value
  }

  /// Whether the value is there as the user wants it; `false` when it was reported.
  @discardableResult
  private func set(
    _ duration: inout Duration, from field: Field?, _ range: ClosedRange<Duration>
  ) -> Bool {
    guard let field else { return true }
    guard let value = values.duration(field, range, like: duration) else { return false }
    duration = value
    return true
  }
}
