public import ClusterModel

/// How often and how long a publisher that is told to slow down tries again.
///
/// Trying again is safe: the event keeps its source and id, so that the server knows it again when the
/// answer was lost.
public struct SlowDown: Sendable {
  /// Times that it is tried again at the most: a server that says so as often will say so again.
  public static let maximumRetries = 20
  /// The longest single wait, whatever the server says.
  public static let maximumWait = Duration.seconds(120)

  /// How long it waits in all.
  public var patience: Duration
  /// Told before each wait how long it is, and what the server said.
  public var waiting: @Sendable (Duration, Problem) -> Void

  public init(
    patience: Duration, waiting: @escaping @Sendable (Duration, Problem) -> Void = { _, _ in }
  ) {
    self.patience = patience
    self.waiting = waiting
  }

  /// Nobody waits: a refusal is thrown at once.
  public static let none = SlowDown(patience: .zero)

  /// Runs `body`, and again when it is told when that is worth trying.
  ///
  /// - Throws: the last ``Problem``, when it is another one or would take too long.
  func honour<Value: Sendable>(
    _ body: () async throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    var left = patience
    var retries = 0
    while true {
      do throws(Problem) { return try await body() } catch {
        guard let advised = error.retryAfter, advised <= left, retries < Self.maximumRetries else {
          throw error
        }
        let wait = min(advised, Self.maximumWait)
        retries += 1
        left -= wait
        waiting(wait, error)
        do { try await Task.sleep(for: wait) } catch {
          throw Problem(.unavailable, code: "cancelled", "the call was cancelled")
        }
      }
    }
  }
}
