import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct BucketArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The bucket.", valueName: "bucket"),
    transform: { try checked($0) as BucketName })
  var name: BucketName
}

struct StateBuckets: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "buckets",
    abstract: "List the buckets, and how full they are.",
    discussion: """
      EXAMPLE
        wasmatrix state buckets
        wasmatrix state buckets --json
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let buckets = try await server.withClient { try await $0.buckets() }
    try ResultPrinter.print(buckets, output) {
      var table = TextTable(
        .text("BUCKET"), .text("CONSISTENCY"), .number("ENTRIES"), .number("SIZE"),
        .number("AT MOST"), .text("TIME TO LIVE"))
      for bucket in buckets {
        table.add(
          bucket.name.text, bucket.consistency, "\(bucket.entries)", "\(bucket.sizeBytes)",
          "\(bucket.maximumSizeBytes)",
          bucket.timeToLiveMilliseconds.map { "\(Int($0 / 1000))s" } ?? "")
      }
      return table
    }
  }
}

struct StateCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a bucket, or change its limits.",
    discussion: """
      A strong bucket is read as it was written last; of a cached one a read may be as old as \
      --staleness. A bucket keeps its consistency for ever.

      EXAMPLE
        wasmatrix state create stock
        wasmatrix state create sessions --consistency cached --staleness 500ms --ttl 24h
      """)

  @OptionGroup var bucket: BucketArgument

  @Option(help: ArgumentHelp("strong or cached.", valueName: "word"))
  var consistency = "strong"

  @Option(help: ArgumentHelp("How old a cached read may be. (default: 1s)", valueName: "time"))
  var staleness: DurationArgument?

  @Option(help: ArgumentHelp("The longest value, in bytes. (default: 1 MiB)", valueName: "bytes"))
  var maximumValue: Int?

  @Option(help: ArgumentHelp("All of it, in bytes. (default: 256 MiB)", valueName: "bytes"))
  var maximumSize: Int?

  @Option(
    help: ArgumentHelp("After how long an entry is gone. (default: never)", valueName: "time"))
  var ttl: DurationArgument?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let request = BucketRequest(
      consistency: consistency,
      stalenessMilliseconds: staleness.map { Int($0.duration.milliseconds) },
      maximumValueBytes: maximumValue, maximumSizeBytes: maximumSize,
      timeToLiveMilliseconds: ttl.map { Int($0.duration.milliseconds) })
    let made = try await server.withClient { try await $0.declareBucket(bucket.name, request) }
    if output.json { return try ResultPrinter.printJSON(made) }
    StandardOutput.write("\(made.name) is there: \(made.consistency), \(made.entries) entries\n")
  }
}

struct StateRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Remove a bucket with all that is in it.",
    discussion: """
      EXAMPLE
        wasmatrix state remove sessions
      """)

  @OptionGroup var bucket: BucketArgument
  @OptionGroup var server: ServerOptions

  func run() async throws {
    try await server.withClient { try await $0.removeBucket(bucket.name) }
    StandardOutput.write("\(bucket.name) is removed\n")
  }
}
