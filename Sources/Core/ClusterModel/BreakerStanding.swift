/// Whether a node is given work, after what became of what it was given lately: the state of its circuit breaker.
public enum BreakerStanding: String, Hashable, Sendable, Codable, CaseIterable {
  /// Like any other.
  case closed
  /// It failed too often: only what nobody else can run, until its back-off is over.
  case open
  /// It is being tried: one thing at a time.
  case halfOpen = "half_open"
}
