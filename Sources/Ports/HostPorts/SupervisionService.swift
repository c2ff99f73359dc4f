public import ClusterModel
public import Supervision

/// The supervision tree of a process, as interfaces see it.
public protocol SupervisionService: Sendable {
  /// The supervisor at the top, and all beneath it.
  func status() async -> SupervisionStatus
  /// Ends a child as if it had crashed, for tests and drills; returns when that has begun.
  ///
  /// - Parameter path: from the top on: `main/events/router`.
  /// - Throws: ``Problem`` `no_such_child`.
  func kill(path: String) async throws(Problem)
}
