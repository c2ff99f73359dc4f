import AccessRules
import ArgumentParser
import ClusterAuthority
import ClusterModel
import DurableSQLite
import LocalSystem
import Logging

struct ControlVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control",
    abstract: "Run a control plane, to which the agents of nodes attach.",
    discussion: """
      It decides what runs where, and keeps events, state, modules and deployments in --data. Prints where \
      users and agents reach it. Agents attach over mutual TLS at --agents (heartbeats come to the UDP port \
      of the same number); a node needs a token once: `wasmatrix token create --join`. Beyond loopback the \
      API speaks TLS, too, and wants tokens; the first, an admin's, is printed at the first start.

      EXAMPLE
        wasmatrix control --data /var/lib/wasmatrix
        wasmatrix control --listen 0.0.0.0:8080 --agents 0.0.0.0:7443 --advertise control.plant.example
      """)

  @Option(
    help: ArgumentHelp(
      "Where the API listens; port 0 takes a free one. Beyond loopback it speaks TLS and wants tokens.",
      valueName: "host:port"))
  var listen = ListenAddress(host: "127.0.0.1", port: 8080)

  @Option(
    help: ArgumentHelp("Where agents attach; port 0 takes a free one.", valueName: "host:port"))
  var agents = ListenAddress(host: "127.0.0.1", port: 7443)

  @Option(
    help: ArgumentHelp(
      "A name or address under which this machine is reached: its certificate names it, and agents are told "
        + "the first. Can be given several times.", valueName: "host"))
  var advertise: [String] = []

  @Flag(help: "Speak TLS and want tokens on a loopback address, too.")
  var tls = false

  @Option(help: ArgumentHelp("The folder that keeps everything.", valueName: "dir"))
  var data = DataFolderChoice.name

  @OptionGroup(title: "Where requests come in") var location: LocationOptions

  @OptionGroup var heartbeats: HeartbeatOptions

  @OptionGroup var plane: PlaneOptions

  @Option(help: "The least severe log messages to show.")
  var logLevel = Logger.Level.info

  func run() async throws {
    let registry = ProcessSetup.begin(logLevel)
    let signals = StopSignals()
    let folder = try DataFolder(data)
    let services = try PlaneServices(
      in: folder, plane, tracking: heartbeats.tracking, entry: try location.location)
    let identity = ControlPlaneIdentity(
      services.authority, names: names, life: plane.certificates.rules.controlPlaneLife,
      clock: SystemClock())
    let isGuarded = tls || !listen.isLoopback
    let listener = AgentListener(
      on: agents, for: services, identity: identity,
      advertised: advertise.first ?? (agents.isAnyAddress ? nil : agents.host))
    let session = ControlSession(
      services, api: listen, agents: listener, identity: identity,
      admin: isGuarded ? try AdminToken(in: folder.path, for: services.access) : nil,
      registry: registry)
    try await session.run(until: signals)
  }

  private var names: [String] {
    advertise + [listen, agents].filter { !$0.isAnyAddress }.map(\.host)
  }
}
