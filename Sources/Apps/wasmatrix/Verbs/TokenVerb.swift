import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct TokenVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Say who may use the cluster, and let nodes join.",
    discussion: """
      A token is shown once, when it is made; the cluster keeps a hash of it. Whoever uses one names it \
      with --token or \(ServerOptions.tokenVariable).

      EXAMPLE
        wasmatrix token create --role deployer --name ci --expires 30d
        wasmatrix token create --join --node edge-1
        wasmatrix token list
        wasmatrix token revoke ci
      """,
    subcommands: [Create.self, List.self, Revoke.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a token for a user, or one that lets a node join, once.",
      discussion: """
        Roles, each with what the ones before it may:
          viewer    looks
          invoker   invokes modules, publishes events, writes state
          deployer  pushes, deploys, rolls back, undeploys; buckets, dead letters
          admin     everything: keys, tokens, nodes, backups, the audit log

        A join token without --node lets in a node of any name that is not taken.

        EXAMPLE
          wasmatrix token create --role deployer --name ci --expires 30d
          wasmatrix token create --join --node edge-1 --expires 10m
        """)

    @Flag(help: "Make a token that lets a node join.")
    var join = false

    @Option(
      help: ArgumentHelp(
        "What its holder may do: \(Role.allCases.map(\.rawValue).joined(separator: ", ")).",
        valueName: "role"))
    var role: Role?

    @Option(
      help: ArgumentHelp("Its name, which the audit log has.", valueName: "name"),
      transform: { try checked($0) as TokenName })
    var name: TokenName?

    @Option(
      help: ArgumentHelp("The only node that may join with it.", valueName: "node"),
      transform: { try checked($0) as NodeID })
    var node: NodeID?

    @Option(
      help: ArgumentHelp(
        "How long it holds, such as 10m, 30d (default: a join token 1h, a user's until it is revoked).",
        valueName: "time"))
    var expires: DurationArgument?

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if join {
        guard role == nil, name == nil else {
          throw ValidationError("--join goes without --role and --name")
        }
      } else {
        guard role != nil, name != nil, node == nil else {
          throw ValidationError("give --role and --name for a user's token, or --join")
        }
      }
      if let expires, expires.duration < .seconds(1) {
        throw ValidationError("--expires is at least 1s")
      }
    }

    func run() async throws {
      let wanted = CreateTokenRequest(
        kind: join ? .join : .user, name: name, role: role, node: node,
        seconds: expires.map { Int($0.duration.components.seconds) })
      let made = try await server.withClient { try await $0.createToken(wanted) }
      if output.json { return try ResultPrinter.printJSON(made) }
      StandardOutput.write(made.token + "\n")
      ProgressPrinter.note(
        "\(made.name): keep it, it is not shown again"
          + (made.expiresAt.map { "; it expires at \($0)" } ?? ""))
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the tokens, also those that count no more.",
      discussion: """
        EXAMPLE
          wasmatrix token list --json
        """)

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let tokens = try await server.withClient { try await $0.tokens() }
      try ResultPrinter.print(tokens, output) {
        var table = TextTable(
          .text("NAME"), .text("KIND"), .text("ROLE"), .text("NODE"), .text("STATE"),
          .text("CREATED"), .text("BY"), .text("EXPIRES"), .text("LAST USED"))
        for token in tokens {
          table.add(
            "\(token.name)", token.kind.rawValue, token.role?.rawValue ?? "",
            token.node?.text ?? "", token.state.rawValue, "\(token.createdAt)",
            token.createdBy.name, token.expiresAt?.description ?? "",
            token.lastUsedAt?.description ?? "")
        }
        return table
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let nobody in with a token any more.",
      discussion: """
        With a join token that was used goes the node that it let in: it is hung up on, and let in no \
        more.

        EXAMPLE
          wasmatrix token revoke ci
        """)

    @Argument(
      help: ArgumentHelp("The token's name, from token list.", valueName: "name"),
      transform: { try checked($0) as TokenName })
    var name: TokenName

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.revokeToken(name) }
      if output.json { return try ResultPrinter.printJSON(["revoked": name]) }
      StandardOutput.write("revoked \(name)\n")
    }
  }
}
