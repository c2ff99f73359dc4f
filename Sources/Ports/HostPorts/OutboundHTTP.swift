public import ClusterModel

/// Asks servers over HTTP for guests.
public protocol OutboundHTTP: Sendable {
  /// Sends a request whose server was granted by name, and gathers the answer. Redirections are answers.
  ///
  /// - Returns: the answer, or why the place that the name leads to is not granted; then nothing was sent.
  /// - Throws: ``Problem`` `http_unreachable`, `http_timeout`, `http_failed`, `answer_too_large`,
  ///   `http_busy`. Whether the server has done what was asked is not known then.
  func send(_ call: HTTPCall, under grant: HTTPGrant) async throws(Problem) -> OutboundOutcome
  /// Ends what is under way; whoever asks later is refused.
  func stop() async
}

public enum OutboundOutcome: Hashable, Sendable {
  case answered(HTTPAnswer)
  /// One sentence for people.
  case denied(String)
}
