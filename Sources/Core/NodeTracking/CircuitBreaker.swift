public import ClusterModel

/// Decides whether a node is asked at all, after what became of what it was asked before.
///
///              too many failures within the window
///     closed ──────────────────────────────────────> open <────────────┐
///        ▲                                             │ back-off over │ a failure
///        │            enough successes                 ▼               │ (longer back-off)
///        └───────────────────────────────────────── half open ─────────┘
///
/// What is reported while it is open was begun before, and says nothing new. The back-off doubles
/// with each opening since it was last closed, up to a maximum; half of it is drawn, so that nodes
/// that failed together are not tried again together.
public struct CircuitBreaker: Hashable, Sendable {
  public enum State: Hashable, Sendable {
    case closed
    case open(until: MonotonicInstant)
    /// Tried again; so many successes in a row so far.
    case halfOpen(successes: Int)
  }

  public enum Outcome: Hashable, Sendable, CaseIterable {
    case success, failure
  }

  public struct Configuration: Hashable, Sendable {
    /// Failures within the window that open it. Default: 5.
    public var failures = 5
    /// Default: 10 s.
    public var window = Duration.seconds(10)
    /// Successes in a row that close it again. Default: 2.
    public var successes = 2
    /// The longest wait after the first opening. Default: 1 s.
    public var initialBackOff = Duration.seconds(1)
    /// The longest wait there is. Default: 60 s.
    public var maximumBackOff = Duration.seconds(60)

    public init() {}

    /// - Throws: ``InvalidValue`` for the first setting that is out of its range.
    public func validate() throws(InvalidValue) {
      // Each failure within the window is remembered.
      guard (1...1000).contains(failures) else {
        throw InvalidValue("failures", "\(failures)", rule: "1 to 1000")
      }
      guard window > .zero, window <= .seconds(3600) else {
        throw InvalidValue("window", "\(window)", rule: "more than 0, up to 1 h")
      }
      guard (1...1000).contains(successes) else {
        throw InvalidValue("successes", "\(successes)", rule: "1 to 1000")
      }
      guard initialBackOff > .zero, initialBackOff <= maximumBackOff else {
        throw InvalidValue(
          "initialBackOff", "\(initialBackOff)", rule: "more than 0, up to maximumBackOff")
      }
      guard maximumBackOff <= .seconds(3600) else {
        throw InvalidValue("maximumBackOff", "\(maximumBackOff)", rule: "at most 1 h")
      }
    }

    /// The longest wait after an opening, counted from 1 since it was last closed.
    func longestBackOff(opening: Int) -> Duration {
      // 40 doublings of a nanosecond are 18 minutes; of anything sensible, more than any maximum.
      let doublings = min(max(opening - 1, 0), 40)
      let (scaled, overflow) = initialBackOff.nanoseconds
        .multipliedReportingOverflow(by: 1 << doublings)
      return overflow ? maximumBackOff : min(.nanoseconds(scaled), maximumBackOff)
    }
  }

  public let configuration: Configuration
  public private(set) var state = State.closed
  /// When the last failures were while it was closed; at most as many as open it.
  private var failures: [MonotonicInstant] = []
  /// Openings since it was last closed.
  private var openings = 0

  /// - Parameter configuration: an invalid one is a bug; see `validate()` for what comes from outside.
  public init(configuration: Configuration = Configuration()) {
    do {
      try configuration.validate()
    } catch {
      preconditionFailure("\(error)")
    }
    self.configuration = configuration
  }

  /// When the back-off is over; `nil` when it is not open.
  public var nextDeadline: MonotonicInstant? {
    switch state {
    case .open(let until): until
    case .closed, .halfOpen: nil
    }
  }

  /// Whether the node may be asked.
  public func allows(at now: MonotonicInstant) -> Bool {
    switch state {
    case .open(let until): until <= now
    case .closed, .halfOpen: true
    }
  }

  /// Whether nothing of what was reported still counts.
  public func isQuiet(at now: MonotonicInstant) -> Bool {
    switch state {
    case .closed: failures.allSatisfy { hasLapsed($0, now) }
    case .open, .halfOpen: false
    }
  }

  /// Looks whether the back-off is over.
  public mutating func wake(at now: MonotonicInstant) {
    if case .open(let until) = state, until <= now { state = .halfOpen(successes: 0) }
  }

  /// The node was asked, and this came of it.
  public mutating func record(
    _ outcome: Outcome, at now: MonotonicInstant, using random: inout some RandomNumberGenerator
  ) {
    wake(at: now)
    switch (state, outcome) {
    case (.closed, .success), (.open, .success), (.open, .failure): break
    case (.closed, .failure):
      failures = failures.filter { !hasLapsed($0, now) }
      failures.append(now)
      if failures.count >= configuration.failures { open(now, &random) }
    case (.halfOpen(let successes), .success):
      if successes + 1 >= configuration.successes {
        state = .closed
        openings = 0
      } else {
        state = .halfOpen(successes: successes + 1)
      }
    case (.halfOpen, .failure): open(now, &random)
    }
  }

  private func hasLapsed(_ failure: MonotonicInstant, _ now: MonotonicInstant) -> Bool {
    failure + configuration.window <= now
  }

  private mutating func open(
    _ now: MonotonicInstant, _ random: inout some RandomNumberGenerator
  ) {
    failures = []
    openings += 1
    let longest = configuration.longestBackOff(opening: openings).nanoseconds
    let backOff = Int64.random(in: (longest + 1) / 2...longest, using: &random)
    state = .open(until: now + .nanoseconds(backOff))
  }
}
