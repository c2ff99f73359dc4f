/// When a failing handler is tried again, and when its event is put aside as a dead letter.
public struct RetryPolicy: Hashable, Sendable, Codable {
  /// Tries in all, the first included.
  public var attempts: Int
  /// The longest wait before the second try; it doubles with each further one.
  public var initialDelay: Duration
  /// The longest wait there is.
  public var maximumDelay: Duration
  /// How long an answer may take beyond the wall time that the handler has: waiting for a worker, and the
  /// way there and back. After that it is tried again elsewhere.
  public var answerGrace: Duration

  /// Longer than a node that is overloaded lets anything wait; what is lost for other reasons is noticed
  /// sooner.
  public static let defaultAnswerGrace = Duration.seconds(300)

  public init(
    attempts: Int = 5, initialDelay: Duration = .milliseconds(100),
    maximumDelay: Duration = .seconds(30), answerGrace: Duration = defaultAnswerGrace
  ) {
    self.attempts = attempts
    self.initialDelay = initialDelay
    self.maximumDelay = maximumDelay
    self.answerGrace = answerGrace
  }

  private enum CodingKeys: String, CodingKey {
    case attempts, initialDelay, maximumDelay, answerGrace
  }

  /// What was stored before answers were waited for in vain reads as having the usual grace.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      attempts: try container.decode(Int.self, forKey: .attempts),
      initialDelay: try container.decode(Duration.self, forKey: .initialDelay),
      maximumDelay: try container.decode(Duration.self, forKey: .maximumDelay),
      answerGrace: try container.decodeIfPresent(Duration.self, forKey: .answerGrace)
        ?? Self.defaultAnswerGrace)
  }

  public enum Range {
    public static let attempts = 1...100
    public static let answerGrace = Duration.seconds(1)...Duration.seconds(3600)
    public static let delay = Duration.milliseconds(1)...Duration.seconds(3600)
  }

  /// The upper bound of the wait before try number `attempt` (2 for the first retry).
  public func delayCeiling(beforeAttempt attempt: Int) -> Duration {
    let doublings = min(max(attempt - 2, 0), 40)
    let (scaled, overflow) = initialDelay.nanoseconds
      .multipliedReportingOverflow(by: 1 << doublings)
    return overflow ? maximumDelay : min(.nanoseconds(scaled), maximumDelay)
  }

  /// The wait before try number `attempt`: anything between nothing and the ceiling ("full
  /// jitter"), so that handlers that failed together do not come back together.
  public func delay(
    beforeAttempt attempt: Int, using random: inout some RandomNumberGenerator
  ) -> Duration {
    .nanoseconds(
      Int64.random(in: 0...delayCeiling(beforeAttempt: attempt).nanoseconds, using: &random))
  }
}
