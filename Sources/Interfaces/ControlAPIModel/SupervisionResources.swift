public import Supervision

/// A supervisor or service, and all beneath it.
public typealias SupervisionResource = SupervisionStatus

/// The body of `POST /v1/supervision/kill`, and its answer.
public struct KillRequest: Hashable, Sendable, Codable {
  /// From the top on: `main/events/router`.
  public var child: String
  public init(child: String) { self.child = child }
}
