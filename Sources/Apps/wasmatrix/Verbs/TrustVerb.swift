import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import LocalSystem
import ModuleTrust

struct TrustVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust",
    abstract: "Say whose signatures the cluster accepts.",
    discussion: """
      EXAMPLE
        wasmatrix trust add keys/wasmatrix.pub --label alice
        wasmatrix trust list
      """,
    subcommands: [Add.self, List.self, Revoke.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Trust a public key.",
      discussion: """
        EXAMPLE
          wasmatrix trust add keys/wasmatrix.pub --label alice
        """)

    @Argument(help: ArgumentHelp("The public key, as keygen wrote it.", valueName: "pubkey-file"))
    var file: String

    @Option(help: "Whose key it is, for people.")
    var label: String?

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let key = try SerializedPublicKey(
        try BoundedFile.read(file, role: "public key", limit: .kibibytes(4)))
      let trusted = try await server.withClient {
        try await $0.trustKey(key.bytes, label: label ?? "")
      }
      if output.json { return try ResultPrinter.printJSON(trusted) }
      StandardOutput.write("trusted \(trusted.id)\n")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the keys, revoked ones too.",
      discussion: """
        EXAMPLE
          wasmatrix trust list --json
        """)

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let keys = try await server.withClient { try await $0.trustedKeys() }
      try ResultPrinter.print(keys, output) {
        var table = TextTable(
          .text("KEY ID"), .text("LABEL"), .text("STATE"), .text("ADDED"), .text("REVOKED"))
        for key in keys {
          table.add(
            "\(key.id)", key.label, key.revokedAt == nil ? "trusted" : "revoked",
            "\(key.addedAt)", key.revokedAt?.description ?? "")
        }
        return table
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Trust a key no more, for ever.",
      discussion: """
        What it signed is refused from now on; what runs already is not stopped.

        EXAMPLE
          wasmatrix trust revoke 0123456789abcdef0123456789abcdef
        """)

    @Argument(
      help: ArgumentHelp("The key's id, from trust list.", valueName: "keyid"),
      transform: { try checked($0) as KeyID })
    var id: KeyID

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let key = try await server.withClient { try await $0.revokeKey(id) }
      if output.json { return try ResultPrinter.printJSON(key) }
      StandardOutput.write("revoked \(key.id)\n")
    }
  }
}
