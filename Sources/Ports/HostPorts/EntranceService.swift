public import ClusterModel

/// What whoever takes requests in does for callers: a control plane for its cluster, a node at an entrance of its
/// own for what it holds.
public protocol EntranceService: Sendable {
  /// Runs a module now, on an event that belongs to nobody's log. While it serves nowhere this waits, and
  /// where nothing ran it is tried elsewhere, as long as the options allow.
  ///
  /// - Throws: ``Problem`` `outcome_unknown` when it may have run, and doing it twice might do harm.
  func invoke(
    _ module: ModuleName, with event: Event, _ options: InvocationOptions, by caller: Caller
  ) async throws(Problem) -> ActivationReport
  /// Accepts an event; returns when it is durable.
  ///
  /// - Returns: where it is in the log; `nil` when it is on the disk of whoever took it, on its way there.
  func accept(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent?
  /// Whether requests are taken: false while starting and stopping.
  var isReady: Bool { get async }
}
