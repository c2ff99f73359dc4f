import AccessRules
import ArgumentParser
import ClusterAuthority
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
        wasmatrix dev --listen 0.0.0.0:8080     # over TLS; prints an admin token at its first start
      """)

  @Argument(help: ArgumentHelp("The manifest to deploy.", valueName: "app.yaml"))
  var manifest: String?

  @Option(
    help: ArgumentHelp(
      "Where to listen; port 0 takes a free one. Beyond loopback the API speaks TLS and wants tokens.",
      valueName: "host:port"))
  var listen = ListenAddress(host: "127.0.0.1", port: 8080)

  @Flag(help: "Speak TLS and want tokens on a loopback address, too.")
  var tls = false

  @Option(help: ArgumentHelp("The folder that keeps everything.", valueName: "dir"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "MiB that the data folder may take, from \(DataUsage.smallestQuota.bytes >> 20) on; beyond it "
        + "publishes, state writes and pushes are refused. Without it there is no bound but the disk.",
      valueName: "n"))
  var quotaMebibytes: Int?

  @OptionGroup(title: "Certificates") var certificates: CertificateOptions

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
    let cluster = try DevCluster(
      in: folder, events, quota: quotaMebibytes.map { .mebibytes($0) },
      certificates: certificates.rules)
    let isGuarded = tls || !listen.isLoopback
    let identity = ControlPlaneIdentity(
      cluster.authority, names: listen.isAnyAddress ? [] : [listen.host],
      life: certificates.rules.controlPlaneLife,
      clock: SystemClock())
    let session = DevSession(
      cluster: cluster, signer: signer, manifestPath: manifest, listen: listen,
      identity: isGuarded ? identity : nil,
      admin: isGuarded ? try AdminToken(in: folder.path, for: cluster.access) : nil,
      registry: registry)
    try await session.run(until: signals)
  }
}
