/// Something that happened in the life of the cluster: the document's EventMessage.
public struct EventMessage: Hashable, Sendable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// A placement serves from now on.
    case moduleStart = "module_start"
    /// A placement serves no more.
    case moduleStop = "module_stop"
    /// A placement could not be made ready on a node, or serves there no more because it failed.
    case moduleFailure = "module_failure"
    /// A node was given up.
    case nodeFailure = "node_failure"
    /// All that a lost node served is served again.
    case nodeFailover = "node_failover"
    /// The number of nodes that serve a deployment has changed.
    case scaleEvent = "scale_event"
    /// A node is seen in another way; `node_failure` when that is as given up.
    case nodeState = "node_state"
    /// A deployment, a rollback, an undeployment took effect.
    case deploymentChange = "deployment_change"
    /// Something is wrong with the whole, or is no longer.
    case alarm
  }

  /// Unique within the cluster.
  public var id: String
  public var type: Kind
  /// Who says so: `/control-plane`.
  public var source: String
  /// Whom it is about: `node/NAME`, `module/NAME`.
  public var target: String
  /// What there is to know, by name.
  public var payload: [String: JSONValue]
  /// The same for all that came of one cause.
  public var correlationID: String
  public var timestamp: WallInstant
  /// How often its delivery was tried again.
  public var retryCount: Int

  public init(
    id: String, type: Kind, source: String, target: String, payload: [String: JSONValue],
    correlationID: String, timestamp: WallInstant, retryCount: Int = 0
  ) {
    self.id = id
    self.type = type
    self.source = source
    self.target = target
    self.payload = payload
    self.correlationID = correlationID
    self.timestamp = timestamp
    self.retryCount = retryCount
  }
}
