import ArgumentParser
import ControlAPIClient

/// Which server a verb talks to.
struct ServerOptions: ParsableArguments {
  static let defaultAddress = "http://127.0.0.1:8080"
  static let variable = "WASMATRIX_SERVER"

  @Option(
    help: ArgumentHelp(
      "The server's address (default: \(variable), else \(defaultAddress)).", valueName: "url"))
  var server: String?

  /// The option, else the environment variable, else the default.
  var address: String { named ?? Self.defaultAddress }

  /// Whether somebody said which server is meant.
  var isNamed: Bool { named != nil }

  private var named: String? {
    if let server { return server }
    let fromEnvironment = Environment.value(Self.variable)
    return fromEnvironment?.isEmpty == true ? nil : fromEnvironment
  }

  /// Gives `body` a client, and closes its connections afterwards.
  func withClient<Answer: Sendable>(
    _ body: (APIClient) async throws -> Answer
  ) async throws -> Answer {
    let client = try APIClient(server: address)
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
