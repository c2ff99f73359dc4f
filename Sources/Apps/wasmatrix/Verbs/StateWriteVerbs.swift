import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import LocalSystem

/// A value on the command line.
struct ValueArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The value: a text, @FILE for what a file holds, - for standard input.",
      valueName: "text|@file|-"))
  var value: String

  func read() throws(Problem) -> BytesResource {
    let limit = Bucket.Range.maximumValue.upperBound
    if value == "-" {
      return BytesResource(try BoundedFile.readStandardInput(role: "value", limit: limit))
    }
    if value.hasPrefix("@") {
      return BytesResource(
        try BoundedFile.read(String(value.dropFirst()), role: "value file", limit: limit))
    }
    return BytesResource(Array(value.utf8))
  }
}

/// What all verbs that write one key share.
struct WriteOptions: ParsableArguments {
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func write(_ write: StateBatchRequest.Write) async throws {
    let revisions = try await server.withClient { try await $0.writeState([write]) }
    if output.json {
      return try ResultPrinter.printJSON(StateBatchResource(revisions: revisions))
    }
    StandardOutput.write("revision \(revisions.map(\.description).joined(separator: ", "))\n")
  }
}

struct StateSet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set",
    abstract: "Set the value of a key; durable when it returns.",
    discussion: """
      EXAMPLE
        wasmatrix state set stock bolts/m8 250
        wasmatrix state set stock plan @plan.json
      """)

  @OptionGroup var place: KeyArguments
  @OptionGroup var value: ValueArgument
  @OptionGroup var options: WriteOptions

  func run() async throws {
    try await options.write(
      .init(bucket: place.bucket, key: place.key, value: try value.read()))
  }
}

struct StateCompareAndSet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cas",
    abstract: "Set the value of a key if nobody has changed it.",
    discussion: """
      Ends with status 5 when it is no longer of that revision. Revision 0: only when there is none.

      EXAMPLE
        wasmatrix state cas stock bolts/m8 249 --revision 17
      """)

  @OptionGroup var place: KeyArguments
  @OptionGroup var value: ValueArgument

  @Option(help: "The revision that it must still be of.")
  var revision: Int64

  @OptionGroup var options: WriteOptions

  func run() async throws {
    try await options.write(
      .init(
        bucket: place.bucket, key: place.key, value: try value.read(), ifRevision: revision))
  }
}

struct StateMerge: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merge a value into that of a key: add, max, min, append.",
    discussion: """
      The store does it, so that writers never lose each other's changes. Numbers are decimal \
      integers of 64 bits.

      EXAMPLE
        wasmatrix state merge stock bolts/m8 -- -1
        wasmatrix state merge stock peak 97 --function max
      """)

  @OptionGroup var place: KeyArguments
  @OptionGroup var value: ValueArgument

  @Option(help: "add, max, min or append.")
  var function = MergeFunction.add

  @OptionGroup var options: WriteOptions

  func run() async throws {
    try await options.write(
      .init(
        bucket: place.bucket, key: place.key, value: try value.read(), merge: function))
  }
}

struct StateDelete: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete",
    abstract: "Delete a key; that there is none is fine.",
    discussion: """
      EXAMPLE
        wasmatrix state delete stock bolts/m8
        wasmatrix state delete stock bolts/m8 --revision 17
      """)

  @OptionGroup var place: KeyArguments

  @Option(help: "Only when it is still of this revision.")
  var revision: Int64?

  @OptionGroup var options: WriteOptions

  func run() async throws {
    try await options.write(
      .init(bucket: place.bucket, key: place.key, ifRevision: revision))
  }
}
