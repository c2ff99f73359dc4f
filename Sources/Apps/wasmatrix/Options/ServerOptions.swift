import ArgumentParser

/// Which server a verb talks to.
struct ServerOptions: ParsableArguments {
  static let defaultAddress = "http://127.0.0.1:8080"
  static let variable = "WASMATRIX_SERVER"

  @Option(
    help: ArgumentHelp(
      "The server's address (default: \(variable), else \(defaultAddress)).", valueName: "url"))
  var server: String?

  /// The option, else the environment variable, else the default.
  var address: String {
    if let server { return server }
    guard let fromEnvironment = Environment.value(Self.variable), !fromEnvironment.isEmpty else {
      return Self.defaultAddress
    }
    return fromEnvironment
  }
}
