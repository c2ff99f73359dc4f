import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct KeyArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The bucket.", valueName: "bucket"),
    transform: { try checked($0) as BucketName })
  var bucket: BucketName

  @Argument(
    help: ArgumentHelp("The key.", valueName: "key"), transform: { try checked($0) as StateKey })
  var key: StateKey
}

struct StateGet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Print the value of a key, as it is.",
    discussion: """
      Ends with status 3 when there is none.

      EXAMPLE
        wasmatrix state get stock bolts/m8
        wasmatrix state get stock bolts/m8 --json | jq .revision
      """)

  @OptionGroup var place: KeyArguments
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let entry = try await server.withClient { client in
      try await client.state(of: place.key, in: place.bucket)
    }
    if output.json { return try ResultPrinter.printJSON(entry) }
    StandardOutput.write(entry.value.bytes)
  }
}

struct StateList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List what is in a bucket, in the order of keys.",
    discussion: """
      EXAMPLE
        wasmatrix state list stock
        wasmatrix state list stock --prefix bolts/ --limit 1000 --json
      """)

  @OptionGroup var bucket: BucketArgument

  @Option(help: ArgumentHelp("Only keys that begin with this.", valueName: "text"))
  var prefix = ""

  @Option(
    help: ArgumentHelp("Only keys after this one.", valueName: "key"),
    transform: { try checked($0) as StateKey })
  var after: StateKey?

  @Option(help: "At most so many, 1 to 1000.")
  var limit = APILimits.defaultPage

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let entries = try await server.withClient { client in
      try await client.state(in: bucket.name, prefix: prefix, after: after, limit: limit)
    }
    try ResultPrinter.print(entries, output) {
      var table = TextTable(.text("KEY"), .number("REVISION"), .text("MODIFIED"), .text("VALUE"))
      for entry in entries {
        table.add(
          entry.key.text, "\(entry.revision)", "\(entry.modifiedAt)", StateText.of(entry.value))
      }
      return table
    }
  }
}

struct StateWatch: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Show what is in a bucket, then what changes. Ctrl-C ends it.",
    discussion: """
      With --after only what was written after that revision: whoever was away goes on where it was.

      EXAMPLE
        wasmatrix state watch stock
        wasmatrix state watch stock --prefix bolts/ --after 17 --json
      """)

  @OptionGroup var bucket: BucketArgument

  @Option(help: ArgumentHelp("Only keys that begin with this.", valueName: "text"))
  var prefix = ""

  @Option(help: ArgumentHelp("Only what was written after it.", valueName: "revision"))
  var after: Int64?

  @OptionGroup var server: ServerOptions

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func run() async throws {
    try await server.withClient { client in
      let changes = try await client.watchState(
        in: bucket.name, prefix: prefix, after: after.map { StateRevision($0) })
      for try await change in changes {
        if json {
          try ResultPrinter.printJSONLine(change)
        } else {
          let what = change.entry.map { StateText.of($0.value) } ?? "(gone)"
          StandardOutput.write(
            "\(change.at) \(change.revision) \(Terminal.harmless(change.key.text)): \(what)\n")
        }
      }
    }
  }
}

/// Values for people.
enum StateText {
  private static let length = 60

  static func of(_ value: BytesResource) -> String {
    guard let text = value.text else { return "(\(value.bytes.count) bytes)" }
    let short = text.count > length ? text.prefix(length) + "..." : text[...]
    return Terminal.harmless(String(short))
  }
}
