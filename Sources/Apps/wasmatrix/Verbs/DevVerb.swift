import ArgumentParser
import ClusterModel
import DurableSQLite
import LocalSystem
import Logging
import Metrics
import Telemetry

struct DevVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev",
    abstract: "Run a whole cluster in this process, and keep it like your files.",
    discussion: """
      Prints its URL, deploys APP.yaml if one is given, and deploys it again within a second when \
      the manifest or one of its sources changes. Local sources are signed with a development key \
      that is made for the purpose. What the modules write to standard error is shown. Data is \
      kept in .wasmatrix beside the manifest (without one: in the current folder), or in --data. \
      Ctrl-C stops it in order, a second Ctrl-C at once.

      EXAMPLE
        wasmatrix dev
        wasmatrix dev wasmatrix.yaml --listen 127.0.0.1:9000 --data /tmp/cluster
      """)

  @Argument(help: ArgumentHelp("The manifest to deploy.", valueName: "app.yaml"))
  var manifest: String?

  @Option(
    help: ArgumentHelp(
      "Where to listen; port 0 takes a free one. Only loopback addresses are allowed.",
      valueName: "host:port"))
  var listen = ListenAddress(host: "127.0.0.1", port: 8080)

  @Option(help: ArgumentHelp("The folder that keeps everything.", valueName: "dir"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "MiB that the data folder may take, from \(DataUsage.smallestQuota.bytes >> 20) on; beyond it "
        + "publishes, state writes and pushes are refused. Without it there is no bound but the disk.",
      valueName: "n"))
  var quotaMebibytes: Int?

  @OptionGroup(title: "Event log") var events: EventLogOptions

  @Option(help: "The least severe log messages to show.")
  var logLevel = Logger.Level.info

  /// A pebibyte: nobody means more.
  private static let largestQuota = 1 << 30

  func validate() throws {
    let smallest = DataUsage.smallestQuota.bytes >> 20
    guard let quotaMebibytes else { return }
    guard (smallest...Self.largestQuota).contains(quotaMebibytes) else {
      throw ValidationError("--quota-mebibytes is \(smallest) to \(Self.largestQuota)")
    }
  }

  func run() async throws {
    guard listen.isLoopback else {
      throw Problem(
        .refused, code: "listen_beyond_loopback",
        "\(listen.host) can be reached from other machines",
        cause: "there are no user tokens yet: whoever reaches the API may do anything",
        next: "Listen on 127.0.0.1.")
    }
    if let manifest {
      // A name that was mistyped ends here; a file that is wrong inside can be corrected later.
      _ = try BoundedFile.read(manifest, role: "manifest", limit: .gibibytes(1))
    }
    Heap.keepCompact()
    OpenFileLimit.raise()
    let level = logLevel
    LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level) }
    let registry = PrometheusRegistry()
    MetricsSystem.bootstrap(registry)
    let signals = StopSignals()
    let folder = try DataFolder(DataFolderChoice.path(option: data, manifest: manifest))
    let signer = try DevelopmentKey.load(dataFolder: folder.path)
    let session = DevSession(
      PlaneServices(
        in: folder, events, quota: quotaMebibytes.map { .mebibytes($0) },
        heartbeatInterval: DevSession.heartbeatInterval),
      in: folder.path, signer: signer, manifestPath: manifest,
      listen: listen,
      registry: registry)
    try await session.run(until: signals)
  }
}
