/// What a node may hold and do while no control plane tells it: its plan, and what it needs to obey that, until
/// it expires. It is of no incarnation: an agent that boots alone obeys it.
public struct StandingPlan: Hashable, Sendable, Codable {
  /// The only format so far.
  public static let knownFormat = 1

  public var format: Int
  public var node: NodeID
  /// Of the plan that it is.
  public var version: PlanVersion
  /// Sorted by placement, each at most once.
  public var orders: [PlacementOrder]
  /// The trust store when it was made, revoked keys included.
  public var trustedKeys: [TrustedKey]
  /// Whom the node's own entrance lets in.
  public var users: [StandingUser]
  /// By the clock of the control plane.
  public var issuedAt: WallInstant
  public var expiresAt: WallInstant

  public init(
    _ plan: NodePlan, trustedKeys: [TrustedKey], users: [StandingUser] = [],
    issuedAt: WallInstant, life: Duration
  ) {
    format = Self.knownFormat
    node = plan.node
    version = plan.version
    orders = plan.orders
    self.trustedKeys = trustedKeys
    self.users = users
    self.issuedAt = issuedAt
    expiresAt = issuedAt + life
  }

  /// The plan for one start of the agent.
  public func plan(for incarnation: Incarnation) -> NodePlan {
    NodePlan(node: node, incarnation: incarnation, version: version, orders: orders)
  }
}

/// A user's token, as far as a node needs it to know it again. The hash is of 32 random bytes: nobody finds them by
/// trying.
public struct StandingUser: Hashable, Sendable, Codable {
  public var name: TokenName
  public var hash: KeptHash
  public var role: Role
  /// `nil` when it holds as long as the standing plan.
  public var expiresAt: WallInstant?

  /// `nil` for a token that counts no more.
  public init?(_ token: UserToken, at now: WallInstant) {
    guard token.revokedAt == nil, token.expiresAt.map({ now < $0 }) ?? true else { return nil }
    name = token.name
    hash = token.hash
    role = token.role
    expiresAt = token.expiresAt
  }
}

/// What makes a standing plan believable: what was signed, byte by byte, and by whom.
public struct PlanSeal: Hashable, Sendable, Codable {
  /// The plan as JSON.
  public var statement: [UInt8]
  /// The authority of the cluster that signed.
  public var authority: AuthorityFingerprint
  /// ECDSA on P-256 with SHA-256, DER.
  public var signature: [UInt8]

  public init(statement: [UInt8], authority: AuthorityFingerprint, signature: [UInt8]) {
    self.statement = statement
    self.authority = authority
    self.signature = signature
  }

  /// Longer ones are not taken: more placements than any node holds.
  public static let longestStatement = ByteCount.mebibytes(48)
  /// Comes before the statement in what is signed, so that no other signature of the authority can be taken for
  /// that of a plan, nor the other way round.
  public static let purpose = "wasmatrix standing plan 1\n"
}

/// A standing plan with its seal.
public struct SealedPlan: Hashable, Sendable, Codable {
  public var plan: StandingPlan
  public var seal: PlanSeal

  public init(_ plan: StandingPlan, _ seal: PlanSeal) {
    self.plan = plan
    self.seal = seal
  }
}

/// How long standing plans hold, and when they are made anew.
public enum StandingPlanRules {
  public static let defaultLife = Duration.seconds(24 * 3600)
  public static let allowedLife = Duration.seconds(2)...Duration.seconds(90 * 86_400)
  /// While a node is attached, its plan is sealed anew when this share of its life is over.
  public static let renewalDivisor = 3
  /// How much a node's clock may be behind that of the control plane.
  public static let clockTolerance = Duration.seconds(300)

  /// Whether a node may obey a standing plan now.
  ///
  /// - Parameters:
  ///   - seen: of the newest plan that the node is known to have obeyed.
  /// - Throws: ``Problem`` `standing_plan_of_other_node`, `standing_plan_unknown_format`,
  ///   `standing_plan_replaced`, `clock_behind` (which may pass) or `standing_plan_expired`.
  public static func check(
    _ plan: StandingPlan, on node: NodeID, seen: PlanVersion, at now: WallInstant
  ) throws(Problem) {
    guard plan.format == StandingPlan.knownFormat else {
      throw Problem(
        .conflict, code: "standing_plan_unknown_format",
        "the standing plan has the format \(plan.format), which this program does not know",
        next: "Run the newest version of the program on this node.")
    }
    guard plan.node == node else {
      throw Problem(
        .refused, code: "standing_plan_of_other_node",
        "the standing plan is that of node \(plan.node), not of \(node)",
        next: "Bring back this node's own data folder, or let it attach.")
    }
    guard plan.version >= seen else {
      throw Problem(
        .refused, code: "standing_plan_replaced",
        "the standing plan is \(plan.version), and plan \(seen) was obeyed since",
        next: "Let the node attach: then it gets a new one.")
    }
    guard now + clockTolerance >= plan.issuedAt else {
      throw Problem(
        .unavailable, code: clockBehind,
        "the standing plan was made at \(plan.issuedAt), and the clock says \(now)",
        next: "Set the clock of this machine.")
    }
    guard now < plan.expiresAt else {
      throw Problem(
        .refused, code: "standing_plan_expired",
        "the standing plan expired at \(plan.expiresAt)",
        next: "Let the node attach: then it gets a new one.")
    }
  }

  /// The code of a refusal that passes when the clock is set.
  public static let clockBehind = "clock_behind"
}
