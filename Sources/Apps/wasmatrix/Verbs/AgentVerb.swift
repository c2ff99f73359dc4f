import ArgumentParser
import ClusterAuthority
import ClusterModel
import ControlAPIClient
import DurableSQLite
import LocalSystem
import Logging
import NodeStore
import WireProtocol

struct AgentVerb: AsyncParsableCommand {
  static let tokenVariable = "WASMATRIX_JOIN_TOKEN"

  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Run the agent of this machine, which makes it a node of a cluster.",
    discussion: """
      At its first start it joins with a token of one use, which `wasmatrix token create --join` makes at \
      the control plane: it gets a certificate, which it keeps in --data and renews by itself. While there is no \
      control plane to ask yet it goes on asking. After that it needs no token, unless its certificate is renewed \
      no more: it was away for too long (`wasmatrix control --certificate-grace`), was forgotten, or the cluster \
      has a new authority. Then start it again with a new token. The one that it joined with may stay where it \
      was given.

      It says what this machine is (architecture, CPU features, memory); zone, coordinates, \
      labels and hardware are for you to say, and placement goes by them. When the control plane is away it \
      goes on with what it has, and attaches again. One that starts while the control plane is away runs what \
      it was told last, until that expires (`wasmatrix control --standing-plan-life`). With --listen it has \
      an entrance of its own: it runs what it holds, whether or not the control plane is there, and passes on \
      the rest.

      With --serve it also serves tools: the gRPC service in Protocol/wasmatrix/agent/v1/agent.proto, over TLS \
      with the node's certificate, for callers with a user's token. StartModule and StopModule hold modules \
      on this node by hand (deployer), GetMetrics says how it is (viewer).

      EXAMPLE
        wasmatrix agent --join https://10.0.0.1:8080 --token wmj1.... --name press-7
        wasmatrix agent --join http://127.0.0.1:8080 --zone hall-2 --lat 48.2 --lon 16.4 \\
          --label line=3 --hardware can-bus --fault-domain hall-2 --data /var/lib/wasmatrix-agent
        wasmatrix agent --join https://10.0.0.1:8080 --name press-7 --serve 127.0.0.1:7444
        wasmatrix agent --join https://10.0.0.1:8080 --landmark hall-2=10.0.2.1:502
        wasmatrix agent --join https://10.0.0.1:8080 --name press-7 --listen 127.0.0.1:8081
      """)

  @Option(help: ArgumentHelp("The address of the control plane's API.", valueName: "url"))
  var join = ServerOptions.defaultAddress

  @Option(
    help: ArgumentHelp(
      "Joins with it at the first start, and a new one joins anew when the certificate is renewed no more "
        + "(default: \(tokenVariable), which others cannot see in the list of processes).",
      valueName: "token"))
  var token: String?

  @Option(
    help: ArgumentHelp("The node's name (default: this machine's).", valueName: "node"),
    transform: { try checked($0) as NodeID })
  var name: NodeID?

  @OptionGroup(title: "Where it stands") var location: LocationOptions

  @Option(
    help: ArgumentHelp("What you say about it; several times.", valueName: "name=value"),
    transform: AgentVerb.label)
  var label: [ClusterModel.Label] = []

  @Option(
    help: ArgumentHelp("Special hardware that it has: can-bus; several times.", valueName: "name"))
  var hardware: [String] = []

  @Option(
    help: ArgumentHelp("What fails together with it: a vehicle, a hall.", valueName: "name"),
    transform: { try checked($0) as FaultDomain })
  var faultDomain: FaultDomain?

  @Option(
    help: ArgumentHelp(
      "MiB that placements may reserve (default: what the machine has).", valueName: "n"))
  var memoryMebibytes: Int?

  @Option(help: ArgumentHelp("The folder that keeps its identity and caches.", valueName: "dir"))
  var data = ".wasmatrix-agent"

  @Option(
    help: ArgumentHelp(
      "Where it attaches, if not where the control plane says: behind a forwarded port. Heartbeats go to the same "
        + "number over UDP.", valueName: "host:port"))
  var attach: ListenAddress?

  @Option(
    help: ArgumentHelp(
      "The gateway of a zone, something that takes TCP connections: the way to it is measured, and placement "
        + "goes by it where `origin` names the zone; several times.", valueName: "zone=host:port"),
    transform: LandmarkArgument.parse)
  var landmark: [Landmark] = []

  @Option(
    help: ArgumentHelp(
      "Serves tools there, over TLS (default: nowhere).", valueName: "host:port"))
  var serve: ListenAddress?

  @Option(
    help: ArgumentHelp(
      "Where it takes requests and events itself, also while the control plane is away (default: nowhere). Beyond "
        + "loopback it speaks TLS with the node's certificate and wants users' tokens.",
      valueName: "host:port"))
  var listen: ListenAddress?

  @Flag(help: "Speak TLS and want tokens at --listen on a loopback address, too.")
  var tls = false

  @Option(
    help: ArgumentHelp(
      "MiB that events may take on the disk which the control plane does not have yet: those that came to --listen, "
        + "and those that services publish; beyond it publishers are told to slow down.",
      valueName: "n"))
  var outboxMebibytes = OutboxDatabase.defaultCapacity.bytes >> 20

  @Flag(help: .hidden)
  var stopWithInput = false

  /// A page that who started this process waits on.
  @Option(help: .hidden)
  var watchPage: String?

  @Option(help: "The least severe log messages to show.")
  var logLevel = Logger.Level.info

  private static let memoryRange = 1...(1 << 30)

  static func label(_ text: String) throws -> ClusterModel.Label {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw ValidationError("a label is NAME=VALUE") }
    do {
      return try ClusterModel.Label(parts[0], parts[1])
    } catch {
      throw ValidationError("\(error)")
    }
  }

  func validate() throws {
    if landmark.count > LandmarkArgument.most {
      throw ValidationError("there are at most \(LandmarkArgument.most) landmarks")
    }
    if let memoryMebibytes, !Self.memoryRange.contains(memoryMebibytes) {
      throw ValidationError("--memory-mebibytes is 1 to \(Self.memoryRange.upperBound)")
    }
    guard Self.memoryRange.contains(outboxMebibytes) else {
      throw ValidationError("--outbox-mebibytes is 1 to \(Self.memoryRange.upperBound)")
    }
  }

  func run() async throws {
    let registry = ProcessSetup.begin(logLevel)
    let signals = StopSignals()
    if stopWithInput { signals.stopWhenInputEnds() }
    let description = try description()
    // Says at once what is wrong with the options.
    _ = try description.registration(as: Incarnation(0))
    let folder = try DataFolder(data)
    let identity = try identity(of: description.name, in: folder)
    guard try await enter(identity, until: signals) == .joined else { return }
    let (server, attach) = (join, attach)
    let entrance = listen.map {
      AgentSession.Entrance(
        listen: $0, isGuarded: tls || !$0.isLoopback, registry: registry)
    }
    let session = try AgentSession(
      description, in: folder, identity: identity, watch: AgentWatch(on: watchPage),
      servingTools: serve, landmarks: landmark, outbox: .mebibytes(outboxMebibytes),
      entrance: entrance
    ) { () async throws(Problem) in
      if let attach {
        return RemoteControlPlane.Address(host: attach.host, port: attach.port, isForwarded: true)
      }
      guard let address = await identity.attachAddresses.first else {
        throw Problem(
          .unavailable, code: "attach_address_missing",
          "the control plane did not say where agents attach")
      }
      return try AttachAddress.parse(address, askedAt: server)
    }
    try await session.run(until: signals)
  }

  private func identity(of node: NodeID, in folder: DataFolder) throws(Problem) -> NodeIdentity {
    let logger = Logger(label: "identity")
    let enrollment = PatientEnrollment(
      APIEnrollment(server: join),
      onAbsence: { absence in
        var told = absence
        // It is about starting a control plane, which is not for whoever sets up a node.
        told.next = nil
        logger.warning(
          "the control plane at --join is not there yet; this node joins as soon as it is",
          metadata: ["problem": "\(told)"])
      })
    return try NodeIdentity(
      of: node, in: folder.path, enrollment: enrollment, clock: SystemClock(),
      onJoinAnew: { logger.notice("this node has joined anew, with the token that it was given") },
      onTrouble: { problem in
        if problem.category == .refused {
          logger.error(
            "this node gets no new certificate", metadata: ["problem": "\(problem)"])
        } else {
          logger.warning(
            "the certificate is not renewed yet", metadata: ["problem": "\(problem)"])
        }
      })
  }

  /// Joins at the first start. Later a token is there in case that the certificate is renewed no more.
  private func enter(
    _ identity: NodeIdentity, until signals: StopSignals
  ) async throws -> FirstJoin.Outcome {
    let given = token ?? Environment.value(Self.tokenVariable) ?? ""
    guard await identity.isJoined else {
      guard !given.isEmpty else {
        throw Problem(
          .refused, code: "token_missing", "this machine is no node of a cluster yet",
          next: "Make a token with `wasmatrix token create --join`, and give it with --token.")
      }
      let token = try AccessToken(given, for: .join)
      return try await FirstJoin(identity: identity, token: token).run(until: signals)
    }
    guard !given.isEmpty else { return .joined }
    do throws(Problem) {
      let token = try AccessToken(given, for: .join)
      await identity.offer(token)
    } catch {
      // The node has a certificate, and may well do without.
      Logger(label: "identity").warning(
        "the token that was given is not looked at", metadata: ["problem": "\(error)"])
    }
    return .joined
  }

  private func description() throws -> NodeDescription {
    let name = try name ?? MachineName.node()
    return NodeDescription(
      name: name, location: try location.location, labels: label,
      hardware: hardware, faultDomain: faultDomain,
      memory: memoryMebibytes.map { .mebibytes($0) })
  }
}
