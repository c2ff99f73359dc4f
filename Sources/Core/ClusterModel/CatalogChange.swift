/// A change to what the control plane must not forget.
public enum CatalogChange: Hashable, Sendable {
  case addVersion(ModuleVersionRecord)
  /// The wish under this name from now on; it also enters the name's history.
  case putDeployment(Deployment)
  /// Ends the wish; the history stays.
  case removeDeployment(Namespace, ModuleName)
  /// Adds a key, or replaces the one of the same id (its revocation, its label).
  case putKey(TrustedKey)
  /// Appends to the security events.
  case appendSecurityEvent(SecurityEvent)
  /// Adds a node, or replaces what is known of it.
  case putNode(KnownNode)
  case removeNode(NodeID)
  /// A control plane begins its term; never lower than one that was raised before.
  case raiseTerm(UInt64)
}

/// What is kept of a node: a control plane that starts knows whom to expect.
public struct KnownNode: Hashable, Sendable, Codable {
  public var registration: NodeRegistration
  public var scheduling: NodeScheduling

  public init(registration: NodeRegistration, scheduling: NodeScheduling) {
    self.registration = registration
    self.scheduling = scheduling
  }
}

/// Whether a node is given work, as its operators want it.
public enum NodeScheduling: String, Sendable, Codable, CaseIterable {
  case open
  /// It keeps what it has and gets nothing new.
  case cordoned
  /// What it has is moved away.
  case draining
}

/// What an operator wants done with a node.
public enum NodeCommand: String, Hashable, Sendable, CaseIterable {
  /// It gets nothing new.
  case cordon
  /// It gets nothing new, and what it has is moved away.
  case drain
  /// It gets work again.
  case uncordon
  /// It is gone for good. Only one that is unavailable can be forgotten.
  case forget
  /// The same of one that may be alive, such as a stolen one. What it has is placed elsewhere; where
  /// two must never run, when its lease is over.
  case evict

  /// Whether nothing is known of the node afterwards, and it is let in no more.
  public var isFinal: Bool {
    switch self {
    case .cordon, .drain, .uncordon: false
    case .forget, .evict: true
    }
  }
}
