/// Who is started again when a child has failed.
public enum SupervisionStrategy: String, Sendable, Codable, CaseIterable {
  /// That child alone. The children do not depend on each other.
  case oneForOne
  /// All of them: the others are stopped in reverse order, then all are started in order. No child can
  /// do without any other.
  case oneForAll
  /// That child and those after it. A child depends on those before it.
  case restForOne
}

/// Whether a child that has ended is started again.
public enum RestartType: String, Sendable, Codable, CaseIterable {
  /// Always, also after a normal end.
  case permanent
  /// Only after a failure.
  case transient
  /// Never. Once it has ended, or was stopped with its group, it is forgotten.
  case temporary
}

/// How many restarts a supervisor endures before it gives up: one more than `restarts` within `window`
/// ends it.
public struct RestartIntensity: Hashable, Sendable, Codable {
  public var restarts: Int
  /// A restart counts until it is longer ago than this.
  public var window: Duration

  /// - Parameters:
  ///   - restarts: default: 3. With 0 the first failure ends the supervisor.
  ///   - window: default: 5 s.
  public init(restarts: Int = 3, window: Duration = .seconds(5)) {
    precondition(restarts >= 0 && window > .zero, "a restart intensity that means nothing")
    self.restarts = restarts
    self.window = window
  }
}

/// How long a supervisor waits before it starts a child again.
///
/// The first restarts are immediate, as most failures are gone with the state that led to them. Then
/// the wait is anything between nothing and a ceiling that doubles each time ("full jitter"), so that
/// children that failed together do not come back together. A child that ran for `stableAfter` begins
/// anew with immediate restarts.
public struct RestartBackOff: Hashable, Sendable, Codable {
  /// Restarts without a wait.
  public var immediate: Int
  /// The longest wait before the first restart that is not immediate.
  public var initial: Duration
  /// The longest wait there is.
  public var maximum: Duration
  /// How long a child must have run for its earlier failures to be forgotten.
  public var stableAfter: Duration

  /// - Parameters:
  ///   - immediate: default: 1.
  ///   - initial: default: 100 ms.
  ///   - maximum: default: 10 s.
  ///   - stableAfter: default: 30 s.
  public init(
    immediate: Int = 1, initial: Duration = .milliseconds(100), maximum: Duration = .seconds(10),
    stableAfter: Duration = .seconds(30)
  ) {
    precondition(
      immediate >= 0 && initial >= .zero && maximum >= .zero, "a back-off that means nothing")
    self.immediate = immediate
    self.initial = initial
    self.maximum = maximum
    self.stableAfter = stableAfter
  }

  /// No wait, ever: what OTP does.
  public static let none = RestartBackOff(immediate: 0, initial: .zero, maximum: .zero)

  /// The longest wait before restart number `restart` of a child that was not stable in between,
  /// counted from 1.
  public func ceiling(beforeRestart restart: Int) -> Duration {
    guard restart > immediate else { return .zero }
    // 40 doublings of a nanosecond are 18 minutes; of anything sensible, more than any maximum.
    let doublings = min(restart - immediate - 1, 40)
    let (scaled, overflow) = initial.nanoseconds.multipliedReportingOverflow(by: 1 << doublings)
    return overflow ? maximum : min(.nanoseconds(scaled), maximum)
  }
}
