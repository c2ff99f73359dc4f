import AccessRules
public import ClusterModel
public import HostPorts

// Whoever calls the service of an agent.
extension AccessControl {
  /// What strangers say of themselves goes on record no longer than this.
  private static let longestText = 64

  /// Who it is that calls a node's agent, and that it may.
  ///
  /// - Throws: ``Problem`` `token_malformed`, `token_unknown`, `token_expired`, `token_revoked`,
  ///   `role_insufficient`, or to slow down.
  public func holder(
    of caller: AgentCaller, needing role: Role, for subject: String, at node: NodeID
  ) async throws(Problem) -> TokenHolder {
    let address = String(caller.address.prefix(Self.longestText))
    let subject = "\(String(subject.prefix(Self.longestText))) of node \(node)"
    let holder: TokenHolder
    do throws(Problem) {
      holder = try await self.holder(of: caller.token)
    } catch {
      guard error.category == .refused else { throw error }
      throw await refused(error, to: .stranger, from: address, subject: subject)
    }
    do throws(Problem) {
      try UserTokenRules.require(role, of: holder.role, holder.name.text)
    } catch {
      throw await refused(error, to: holder.principal, from: address, subject: subject)
    }
    return holder
  }
}
