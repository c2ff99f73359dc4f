import AccessRules
import ArgumentParser
import ClusterAuthority
import ClusterModel
import DurableSQLite
import LocalSystem
import Logging

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
        wasmatrix dev wasmatrix.yaml --nodes 3
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
      "How many nodes, each a process of its own, 1 to \(DevVerb.mostNodes). Without it there is one, in this "
        + "process.", valueName: "n"))
  var nodes: Int?

  @OptionGroup var heartbeats: HeartbeatOptions

  @OptionGroup var plane: PlaneOptions

  @Option(help: "The least severe log messages to show.")
  var logLevel = Logger.Level.info

  private static let mostNodes = 64

  func validate() throws {
    if let nodes, !(1...Self.mostNodes).contains(nodes) {
      throw ValidationError("--nodes is 1 to \(Self.mostNodes)")
    }
    let saysHowToBeat =
      heartbeats.heartbeatInterval != nil || heartbeats.heartbeatCeiling != nil
      || heartbeats.heartbeatsPerSecond != nil
    if nodes == nil, saysHowToBeat {
      // The node in this process is silent when the control plane is, and beats as rarely as may be.
      throw ValidationError(
        "how agents beat is said of nodes that are processes: give --nodes, too")
    }
  }

  func run() async throws {
    if let manifest {
      // A name that was mistyped ends here; a file that is wrong inside can be corrected later.
      _ = try BoundedFile.read(manifest, role: "manifest", limit: .gibibytes(1))
    }
    let registry = ProcessSetup.begin(logLevel)
    let signals = StopSignals()
    let folder = try DataFolder(DataFolderChoice.path(option: data, manifest: manifest))
    let signer = try DevelopmentKey.load(dataFolder: folder.path)
    let services = try PlaneServices(
      in: folder, plane, tracking: nodes == nil ? DevNodes.inProcessTracking : heartbeats.tracking)
    let isGuarded = tls || !listen.isLoopback
    let identity = ControlPlaneIdentity(
      services.authority, names: listen.isAnyAddress ? [] : [listen.host],
      life: plane.certificates.rules.controlPlaneLife, clock: SystemClock())
    let session = DevSession(
      services, nodes: nodes(of: services, in: folder.path, identity), signer: signer,
      manifestPath: manifest, listen: listen, identity: isGuarded ? identity : nil,
      admin: isGuarded ? try AdminToken(in: folder.path, for: services.access) : nil,
      registry: registry)
    try await session.run(until: signals)
  }

  private func nodes(
    of services: PlaneServices, in folder: String, _ identity: ControlPlaneIdentity
  ) -> DevNodes {
    guard let nodes else { return .inProcess(of: services, in: folder) }
    let listener = AgentListener(
      on: ListenAddress(host: "127.0.0.1", port: 0), for: services, identity: identity,
      advertised: "127.0.0.1")
    return .processes(
      AgentProcesses(nodes, of: services, at: listener, in: folder, logLevel: logLevel))
  }
}
