import AccessRules
public import ClusterModel
import Crypto
public import HostPorts
public import Logging
import Synchronization

/// Whom a node's own entrance lets in: the users that came with its standing plan, until that expires.
///
/// A token that is revoked is good no more here as soon as the control plane has told this node, which it does
/// within a moment while the node is attached. A node that is cut off does not hear of it.
public final class NodeAccess: TokenService {
  private struct State {
    var users: [KeptHash: StandingUser] = [:]
    /// Until when they count; `nil` while none were ever told.
    var until: WallInstant?
    var limits = RefusalLimits()
  }

  private let state = Mutex(State())
  private let clock: any HostClock
  private let logger: Logger

  public init(clock: any HostClock, logger: Logger) {
    self.clock = clock
    self.logger = logger
  }

  /// From now on these users are let in.
  public func take(_ plan: StandingPlan) {
    state.withLock { state in
      state.users = Dictionary(plan.users.map { ($0.hash, $0) }) { first, _ in first }
      state.until = plan.expiresAt
    }
  }

  public func holder(of token: String) async throws(Problem) -> TokenHolder {
    let token = try AccessToken(token, for: .user)
    let hash = KeptHash(sha256: Array(SHA256.hash(data: token.secret)))
    let now = clock.now().wall
    let (user, until) = state.withLock { ($0.users[hash], $0.until) }
    guard let until, now < until else {
      throw Problem(
        .unavailable, code: "users_unknown", "this node does not know who may call it",
        next: "Ask the control plane, or try again when this node is attached.")
    }
    guard let user else {
      throw Problem(
        .refused, code: "token_unknown", "this token is not known here",
        next: "Ask an admin for a new one.")
    }
    guard user.expiresAt.map({ now < $0 }) ?? true else {
      throw Problem(
        .refused, code: "token_expired", "the token \(user.name) has expired",
        next: "Ask an admin for a new one.")
    }
    return TokenHolder(name: user.name, role: user.role)
  }

  /// There is no audit log here: what is refused is in the log of the node, at a bounded rate.
  public func refused(
    _ problem: Problem, to principal: Principal, from address: String, subject: String
  ) async -> Problem {
    let now = clock.now().monotonic
    let (isTold, unrecorded) = state.withLock { state -> (Bool, Int?) in
      guard state.limits.refuse(address, at: now) else { return (false, nil) }
      return (true, state.limits.recordRefusal(at: now))
    }
    guard isTold else { return RefusalLimits.tooMany(from: address) }
    if let unrecorded {
      logger.warning(
        "a request was refused",
        metadata: [
          "reason": "\(problem.code)", "from": "\(address)", "who": "\(principal.name)",
          "subject": "\(subject)", "unrecorded": "\(unrecorded)",
        ])
    }
    return problem
  }
}
