public import ClusterModel

/// Signs in the name of a cluster what its nodes may obey alone.
public protocol PlanSealer: Sendable {
  /// - Parameter statement: a ``StandingPlan`` as JSON.
  func seal(_ statement: [UInt8]) throws(Problem) -> PlanSeal
}

/// What a node keeps on its disk to go on without a control plane. Nothing of it is believed because it is there:
/// a standing plan counts with its seal, a module with its digest and its signature.
public protocol NodeStore: Sendable {
  /// Keeps a standing plan in place of any other. Modules that it names are kept before all others.
  func keep(_ plan: SealedPlan) async throws(Problem)
  /// Keeps which plan was obeyed last.
  func remember(_ version: PlanVersion) async throws(Problem)
  /// The standing plan whose seal holds; `nil` when none is kept.
  ///
  /// - Throws: ``Problem`` `standing_plan_damaged`, `standing_plan_forged`, or what the disk says.
  func recall() async throws(Problem) -> RecalledPlan?
  /// The bytes of a module, without its signature section; `nil` when they are not kept, or not as they were.
  func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8]?
  /// Keeps a module as far as there is room.
  func keep(_ module: [UInt8], _ digest: ModuleDigest) async throws(Problem)
}

/// What was kept of the last life of a node.
public struct RecalledPlan: Sendable {
  public var plan: StandingPlan
  /// The newest plan that was obeyed.
  public var seen: PlanVersion

  public init(plan: StandingPlan, seen: PlanVersion) {
    self.plan = plan
    self.seen = seen
  }
}
