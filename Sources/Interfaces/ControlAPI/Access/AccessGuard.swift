internal import AccessRules
internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts

/// Asks for a token where one is needed, and looks at its role.
struct AccessGuard: Sendable {
  let service: any TokenService
  /// Whether whoever reaches the server may do everything: on a loopback address.
  let trustsEverybody: Bool

  /// Who asks, once that may call the route.
  ///
  /// - Parameter address: where the request comes from.
  /// - Throws: ``ProblemAnswer`` 401 or ``Problem`` with `role_insufficient`; 429 when too many were refused.
  func admit(_ headers: HTTPFields, to route: Route, from address: String) async throws -> Principal
  {
    let needed = RouteRoles.access(to: route.operation)
    guard case .role(let role) = needed else { return .local }
    let subject = "\(route.method) \(route.path)"
    guard let header = headers[.authorization] else {
      if trustsEverybody { return .local }
      let problem = Problem(
        .refused, code: "token_missing", "this needs a token with the role \(role.rawValue)",
        next:
          "Name one with --token or WASMATRIX_TOKEN (the header \"Authorization: Bearer TOKEN\").")
      throw unauthorized(await refused(problem, .stranger, address, subject))
    }
    let holder: TokenHolder
    do throws(Problem) {
      holder = try await service.holder(of: try Self.token(in: header))
    } catch {
      guard error.category == .refused else { throw error }
      throw unauthorized(await refused(error, .stranger, address, subject))
    }
    do throws(Problem) {
      try UserTokenRules.require(role, of: holder.role, holder.name.text)
    } catch {
      throw await refused(error, holder.principal, address, subject)
    }
    return holder.principal
  }

  /// A node showed a token or a certificate that is not good.
  func refusedNode(_ problem: Problem, _ node: String, from address: String, _ subject: String)
    async
    -> Problem
  {
    guard problem.category == .refused else { return problem }
    return await service.refused(
      problem, to: Principal(kind: .node, name: node), from: address, subject: subject)
  }

  private func refused(
    _ problem: Problem, _ principal: Principal, _ address: String, _ subject: String
  ) async -> Problem {
    await service.refused(problem, to: principal, from: address, subject: subject)
  }

  private static func token(in header: String) throws(Problem) -> String {
    let scheme = "bearer "
    guard header.lowercased().hasPrefix(scheme) else {
      throw Problem(
        .refused, code: "token_malformed", "the header Authorization holds no token",
        next: "Send \"Authorization: Bearer TOKEN\".")
    }
    return String(header.dropFirst(scheme.count).drop { $0 == " " })
  }

  private func unauthorized(_ problem: Problem) -> any Error {
    guard problem.category == .refused else { return problem }
    var resource = ProblemResource(problem)
    resource.status = 401
    resource.title = "Not known"
    return ProblemAnswer(resource, headers: [.wwwAuthenticate: "Bearer realm=\"wasmatrix\""])
  }
}
