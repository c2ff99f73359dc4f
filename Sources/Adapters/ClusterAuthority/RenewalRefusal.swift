import ClusterModel

/// Refusals of a renewal that leave a node only to join anew: what it would show the next time is no better.
enum RenewalRefusal {
  /// Of a server that does not lead to an authority that is believed here.
  static let foreignServer = "server_not_trusted"
  private static let codes: Set<String> = [
    "certificate_expired", "certificate_foreign", "certificate_superseded", "node_forgotten",
  ]
  /// Those that a clock may be to blame for, which somebody may set.
  private static let codesOfClocks: Set<String> = [foreignServer, "certificate_not_yet_valid"]

  /// Whether a node with a token for it joins anew.
  static func leavesJoining(_ problem: Problem) -> Bool {
    codes.contains(problem.code) || isOfClocks(problem)
  }

  /// Whether it may pass without a token.
  static func isOfClocks(_ problem: Problem) -> Bool { codesOfClocks.contains(problem.code) }
}
