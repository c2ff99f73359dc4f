/// Everything that one node should hold, as the control plane decided at one time. It never changes: a
/// later decision is another plan. A node obeys the newest it has seen and refuses what is older, so
/// that plans may be lost, doubled and reordered on their way.
public struct NodePlan: Hashable, Sendable, Codable {
  public var node: NodeID
  /// The start of the agent that it is for; another one has nothing of what it builds on.
  public var incarnation: Incarnation
  public var version: PlanVersion
  /// Sorted by placement, each at most once.
  public var orders: [PlacementOrder]

  public init(
    node: NodeID, incarnation: Incarnation, version: PlanVersion, orders: [PlacementOrder]
  ) {
    self.node = node
    self.incarnation = incarnation
    self.version = version
    self.orders = orders.sorted { $0.placement < $1.placement }
  }
}

/// What a placement is of: a deployment, with the record of its version. It never changes, and is shared: it stands in
/// plans of many nodes, one after the other, and a plan may have a thousand of them.
public final class PlacementSubject: Hashable, Sendable {
  public let deployment: Deployment
  public let record: ModuleVersionRecord
  public let placement: PlacementID
  public let code: PreparedCode

  public init(_ deployment: Deployment, _ record: ModuleVersionRecord) {
    self.deployment = deployment
    self.record = record
    placement = deployment.placement
    code = PreparedCode(deployment, record)
  }

  /// Whether both are of the same deployment.
  public func isOfSameDeployment(as other: PlacementSubject) -> Bool {
    self === other || deployment == other.deployment
  }

  public static func == (left: PlacementSubject, right: PlacementSubject) -> Bool {
    left === right || left.deployment == right.deployment && left.record == right.record
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(placement) }
}

/// One placement that a node should hold.
public struct PlacementOrder: Hashable, Sendable {
  public let subject: PlacementSubject
  public var role: PlacementRole
  /// The decision that gave the placement its role here. What it does counts only as long as this is
  /// the newest for it; an order with a newer one is to be tried again if it had failed.
  public var fence: PlanVersion

  public init(_ subject: PlacementSubject, role: PlacementRole, fence: PlanVersion) {
    self.subject = subject
    self.role = role
    self.fence = fence
  }

  public init(
    deployment: Deployment, record: ModuleVersionRecord, role: PlacementRole, fence: PlanVersion
  ) {
    self.init(PlacementSubject(deployment, record), role: role, fence: fence)
  }

  public var deployment: Deployment { subject.deployment }
  public var record: ModuleVersionRecord { subject.record }
  public var placement: PlacementID { subject.placement }
  public var code: PreparedCode { subject.code }
}

/// What a node makes ready for a placement: which code, trusted because of whom, and what it is granted.
/// Placements of one module with the same need it made ready once.
public struct PreparedCode: Hashable, Sendable {
  let digest: ModuleDigest
  let signature: [UInt8]
  let signers: [KeyID]
  let capabilities: CapabilityGrants

  init(_ deployment: Deployment, _ record: ModuleVersionRecord) {
    digest = deployment.digest
    signature = record.signature
    signers = record.signers
    capabilities = deployment.configuration.capabilities
  }
}

extension PlacementOrder: Codable {
  private enum CodingKeys: String, CodingKey { case deployment, record, role, fence }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      deployment: try container.decode(Deployment.self, forKey: .deployment),
      record: try container.decode(ModuleVersionRecord.self, forKey: .record),
      role: try container.decode(PlacementRole.self, forKey: .role),
      fence: try container.decode(PlanVersion.self, forKey: .fence))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(deployment, forKey: .deployment)
    try container.encode(record, forKey: .record)
    try container.encode(role, forKey: .role)
    try container.encode(fence, forKey: .fence)
  }
}

/// What a placement is there for.
public enum PlacementRole: String, Sendable, Codable, CaseIterable {
  /// It serves.
  case active
  /// It is ready, to take over at once or to be switched to.
  case fallback
  /// It was replaced and is kept compiled for a rollback. It reserves nothing.
  case retained
}

/// How a placement is on its node.
public enum PlacementCondition: Hashable, Sendable, Codable {
  /// Being fetched, verified, compiled.
  case preparing
  case ready
  case failed(Problem)
}

/// A placement that a node holds, as the node says.
public struct HeldPlacement: Hashable, Sendable, Codable {
  public var placement: PlacementID
  /// Which deployment it is, together with the next: a generation number may have been given out twice
  /// when the control plane ended before the first was durable.
  public var digest: ModuleDigest
  public var deployedAt: WallInstant
  public var role: PlacementRole
  public var fence: PlanVersion
  public var condition: PlacementCondition

  public init(
    _ deployment: Deployment, role: PlacementRole, fence: PlanVersion,
    condition: PlacementCondition
  ) {
    placement = deployment.placement
    digest = deployment.digest
    deployedAt = deployment.deployedAt
    self.role = role
    self.fence = fence
    self.condition = condition
  }

  /// As it was said by a node.
  public init(
    _ placement: PlacementID, digest: ModuleDigest, deployedAt: WallInstant, role: PlacementRole,
    fence: PlanVersion, condition: PlacementCondition
  ) {
    self.placement = placement
    self.digest = digest
    self.deployedAt = deployedAt
    self.role = role
    self.fence = fence
    self.condition = condition
  }

  /// Whether it is of this deployment.
  public func isOf(_ deployment: Deployment) -> Bool {
    placement == deployment.placement && digest == deployment.digest
      && deployedAt == deployment.deployedAt
  }
}

/// Everything that a node holds, at one time.
public struct NodeReport: Hashable, Sendable, Codable {
  public var node: NodeID
  public var incarnation: Incarnation
  /// Grows with each change of an incarnation, from 1 on.
  public var sequence: UInt64
  /// The newest plan that it obeys.
  public var plan: PlanVersion
  /// Sorted by placement.
  public var placements: [HeldPlacement]

  public init(
    node: NodeID, incarnation: Incarnation, sequence: UInt64, plan: PlanVersion,
    placements: [HeldPlacement]
  ) {
    self.node = node
    self.incarnation = incarnation
    self.sequence = sequence
    self.plan = plan
    self.placements = placements.sorted { $0.placement < $1.placement }
  }
}
