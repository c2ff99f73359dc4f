import ArgumentParser
import ClusterModel
import ControlAPIClient
import LocalSystem

/// Which server a verb talks to.
struct ServerOptions: ParsableArguments {
  static let defaultAddress = "http://127.0.0.1:8080"
  static let variable = "WASMATRIX_SERVER"
  static let tokenVariable = "WASMATRIX_TOKEN"
  static let authorityVariable = "WASMATRIX_AUTHORITY"

  @Option(
    help: ArgumentHelp(
      "The server's address (default: \(variable), else \(defaultAddress)).", valueName: "url"))
  var server: String?

  @Option(
    help: ArgumentHelp(
      "The token that says who you are (default: \(tokenVariable)); it also says which server is the "
        + "right one.", valueName: "token"))
  var token: String?

  @Option(
    help: ArgumentHelp(
      "The certificates of the cluster's authorities, if not those that the token names (default: "
        + "\(authorityVariable)). PEM.", valueName: "file"))
  var authority: String?

  /// The option, else the environment variable, else the default.
  var address: String { named ?? Self.defaultAddress }

  /// Whether somebody said which server is meant.
  var isNamed: Bool { named != nil }

  private var named: String? { Self.given(server, Self.variable) }

  private static func given(_ option: String?, _ variable: String) -> String? {
    if let option { return option }
    let fromEnvironment = Environment.value(variable)
    return fromEnvironment?.isEmpty == true ? nil : fromEnvironment
  }

  /// - Throws: ``Problem`` when the token or the file of the authority is none.
  func credentials() throws(Problem) -> ClientCredentials {
    var credentials = ClientCredentials()
    if let text = Self.given(token, Self.tokenVariable) {
      let token = try AccessToken(text, for: .user)
      credentials = ClientCredentials(trust: .pinned(token.authority), token: token)
    }
    if let file = Self.given(authority, Self.authorityVariable) {
      credentials.trust = .authorities(
        try APIClient.certificates(
          try BoundedFile.read(file, role: "authority", limit: .kibibytes(64))))
    }
    return credentials
  }

  /// Gives `body` a client, and closes its connections afterwards.
  func withClient<Answer: Sendable>(
    _ body: (APIClient) async throws -> Answer
  ) async throws -> Answer {
    let client = try await APIClient.connect(to: address, with: try credentials())
    do {
      let answer = try await body(client)
      await client.shutdown()
      return answer
    } catch {
      await client.shutdown()
      throw error
    }
  }
}
