import ClusterModel
import Crypto
import EventLoops
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HostPorts
import Logging
import SwiftProtobuf
import Synchronization
import WireMessages

/// One opening of the way from an agent to its control plane: a connection and its streams.
///
///     open ──connect──> hello ──welcome──> Run, Ask ──> opened ──any stream ends──> ended
///       └───────────────── too late, refused ─────────────────────────────────────────▲
final class PlaneSession: Sendable {
  typealias Transport = HTTP2ClientTransport.Posix

  let agent: any AgentConnection
  let logger: Logger
  let frames = OutboundQueue<WireAgentFrame>()
  let answers = OutboundQueue<WireRunAnswer>()
  let questions = OutboundQueue<WireQuestion>()
  let state = Mutex(State())
  private let address: RemoteControlPlane.Address
  private let identity: any IdentitySource
  let hello: WireHello
  private let heartbeats: (any HeartbeatDispatch)?
  private let landmarks: LandmarkProbe
  /// Kills or freezes this process.
  private let patience: Duration
  let disturber: @Sendable (NodeDisturbance) -> Void
  /// The parts of this process.
  let tree: (any SupervisionService)?
  private let opened = OneShot<Result<Duration?, Problem>>()
  private let hasEnded = OneShot<Void>()

  struct State {
    var isOver = false
    /// Whether the agent was told that the way is open.
    var isOpen = false
    /// Whether it plays dead, on purpose.
    var isCutOff = false
    var life: Task<Void, Never>?
    /// Where heartbeats go, when they do not ride on the Attach stream.
    var heartbeats: (any HeartbeatWay)?
    var client: WireControlPlane.Client<Transport>?
    /// What the control plane has beyond version 1 of the wire. Whatever is not named here is not used towards it; so
    /// far each feature is one of agents.
    var features: Set<String> = []
    /// Invocations that run here, to be cancelled.
    var runs: [UInt64: Task<Void, Never>] = [:]
    /// Those that have begun, and are not registered there yet.
    var beginning: Set<UInt64> = []
    /// Invocations of whose events pieces are missing.
    var incomplete: [UInt64: IncompleteInvocation] = [:]
    /// Reads the standing plan that came last.
    var standing: Task<Void, Never>?
    /// Logs that are followed.
    var following: [UInt64: Task<Void, Never>] = [:]
    var lastQuestion: UInt64 = 0
    var asked: [UInt64: CheckedContinuation<Result<WireAnswer, Problem>, Never>] = [:]
    var cancelled: Set<UInt64> = []
  }

  init(
    to address: RemoteControlPlane.Address, identity: any IdentitySource,
    agent: any AgentConnection, hello: WireHello, heartbeats: (any HeartbeatDispatch)?,
    landmarks: LandmarkProbe, disturber: @escaping @Sendable (NodeDisturbance) -> Void,
    tree: (any SupervisionService)?, patience: Duration,
    logger: Logger
  ) {
    self.landmarks = landmarks
    self.disturber = disturber
    self.patience = patience
    self.tree = tree
    self.heartbeats = heartbeats
    self.address = address
    self.identity = identity
    self.agent = agent
    self.hello = hello
    self.logger = logger
  }

  /// Returns when the control plane has taken the attachment, and all streams are there.
  ///
  /// - Returns: what it wants between two heartbeats; `nil` when it did not say.
  func open() async throws(Problem) -> Duration? {
    let life = Task(executorPreference: EventLoops.wire) { await self.live() }
    state.withLock { $0.life = life }
    let impatience = Task {
      // Cancelled when it is open.
      guard (try? await Task.sleep(for: self.patience)) != nil else { return }
      self.end(
        Problem(
          .unavailable, code: "control_plane_silent",
          "the control plane at \(self.address.host):\(self.address.port) does not answer"))
    }
    let result = await opened.value
    impatience.cancel()
    return try result.get()
  }

  /// Says what is still to be said, and ends.
  func leave() async {
    state.withLock { $0.isOpen = false }
    frames.finish()
    let impatience = Task {
      // Cancelled when the control plane has closed its end, too.
      guard (try? await Task.sleep(for: WireLimits.farewell)) != nil else { return }
      self.end(RemoteControlPlane.away)
    }
    await hasEnded.value
    impatience.cancel()
  }

  /// Ends at once; whoever waits hears `problem`.
  func end(_ problem: Problem) {
    let (state, isFirst) = state.withLock { state in
      let before = state
      state = State()
      state.isOver = true
      state.lastQuestion = before.lastQuestion
      return (before, !before.isOver)
    }
    guard isFirst else { return }
    frames.finish()
    answers.finish()
    questions.finish()
    state.life?.cancel()
    for run in state.runs.values { run.cancel() }
    for follower in state.following.values { follower.cancel() }
    // It may have heard them.
    for asked in state.asked.values { asked.resume(returning: .failure(.controlPlaneLost)) }
    opened.fill(.failure(problem))
    state.heartbeats?.stop()
    if state.isOpen { agent.closed() }
    hasEnded.fill(())
  }

  /// Neither says nor hears anything for so long; then it ends, and another way is opened.
  func cutOff(for duration: Duration) {
    for mute in [frames.mute, answers.mute, questions.mute] { mute() }
    let way = state.withLock { state in
      state.isCutOff = true
      defer { state.heartbeats = nil }
      return state.heartbeats
    }
    way?.stop()
    Task {
      // Not cancelled with anything: it is bounded.
      try? await Task.sleep(for: duration)
      self.end(RemoteControlPlane.away)
    }
  }

  var isCutOff: Bool { state.withLock { $0.isCutOff } }

  // Its life.

  private func live() async {
    do {
      let identity = try await identity.identity()
      let client = GRPCClient(transport: try transport(identity))
      let stub = WireControlPlane.Client(wrapping: client)
      let facts = await agent.facts()
      var hello = hello
      hello.facts = try WireNodeFacts(facts)
      _ = frames.send(.with { [hello] in $0.hello = hello })
      // Each says `nil` or `false` when the connection ends before.
      let welcome = OneShot<WireWelcome?>()
      let ready = (run: OneShot<Bool>(), ask: OneShot<Bool>())
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.runConnections() }
        // Plans may be large.
        group.addTask(executorPreference: globalConcurrentExecutor) {
          try await self.attach(stub, welcome)
        }
        group.addTask {
          guard let welcome = await welcome.value else { return }
          let session: Metadata = [WireGreeting.sessionKey: .string(welcome.session)]
          try await withThrowingTaskGroup(of: Void.self) { streams in
            streams.addTask { try await self.run(stub, session, ready.run) }
            streams.addTask { try await self.ask(stub, session, ready.ask) }
            streams.addTask {
              guard await ready.run.value, await ready.ask.value else { return }
              self.stand(stub, welcome)
              try await self.tellRoundTrips()
            }
            streams.addTask(executorPreference: globalConcurrentExecutor) {
              try await self.landmarks.run()
            }
            defer { streams.cancelAll() }
            try await streams.next()
          }
        }
        defer {
          group.cancelAll()
          // Whoever still waits for a step waits no more.
          welcome.fill(nil)
          ready.run.fill(false)
          ready.ask.fill(false)
        }
        try await group.next()
      }
      end(RemoteControlPlane.away)
    } catch {
      end(problem(error))
    }
  }

  /// All streams are there.
  private func stand(_ stub: WireControlPlane.Client<Transport>, _ welcome: WireWelcome) {
    let invitation = welcome.hasHeartbeats ? welcome.heartbeats.invitation : nil
    let way = invitation.flatMap(accept)
    let isOver = state.withLock { state in
      guard !state.isOver else { return true }
      state.isOpen = true
      state.client = stub
      state.features = Set(welcome.features)
      state.heartbeats = way
      return false
    }
    if isOver { way?.stop() }
    logger.info(
      "a control plane has let this node in",
      metadata: ["version": "\(WireGreeting.version(welcome.programVersion) ?? "not said")"])
    opened.fill(.success(invitation?.interval))
  }

  /// How often the control plane is told how long the way to it is.
  private static let roundTripInterval = Duration.seconds(2)

  /// Until it is cancelled.
  private func tellRoundTrips() async throws {
    while true {
      try await Task.sleep(for: Self.roundTripInterval)
      let way = state.withLock { $0.heartbeats }
      if let measured = way?.measuredRoundTrip {
        let microseconds = UInt64(clamping: measured.nanoseconds / 1000)
        if !frames.send(.with { $0.roundTrip = .with { $0.microseconds = microseconds } }) {
          overrun()
        }
      }
      let samples = (way?.takeMeasuredPeers() ?? []) + landmarks.taken()
      guard !samples.isEmpty else { continue }
      if !frames.send(.with { $0.roundTrips = WireRoundTrips(samples) }) { overrun() }
    }
  }

  private func accept(_ invitation: HeartbeatInvitation) -> (any HeartbeatWay)? {
    guard let node = try? NodeID(hello.node) else { return nil }
    var invitation = invitation
    if address.isForwarded { invitation.port = address.port }
    do throws(Problem) {
      return try heartbeats?.accept(
        invitation, host: address.host, from: node, Incarnation(hello.incarnation)
      ) { [agent] in agent.send($0) }
    } catch {
      logger.warning(
        "heartbeats ride on the stream of control messages", metadata: ["problem": "\(error)"])
      return nil
    }
  }

  private func problem(_ error: any Error) -> Problem {
    if let problem = error as? Problem { return problem }
    if let fault = error as? WireFault { return fault.problem }
    guard let error = error as? RPCError else {
      return Problem(
        .unavailable, code: "control_plane_away", "the control plane cannot be reached",
        cause: "\(error)")
    }
    switch error.code {
    case .permissionDenied, .unauthenticated, .failedPrecondition:
      return Problem(
        .refused, code: "attach_refused", "the control plane does not let this node in",
        cause: error.message, next: "Join anew with a token: `wasmatrix token create --join`.")
    default:
      return Problem(
        .unavailable, code: "control_plane_away",
        "the control plane at \(address.host):\(address.port) cannot be reached",
        cause: error.message)
    }
  }

  private func transport(_ identity: TLSIdentity) throws -> Transport {
    try Transport(
      target: .dns(host: address.host, port: address.port),
      transportSecurity: WireTLS.client(identity),
      config: .defaults { config in
        config.http2.authority = PlaneName.controlPlane
        config.connection.flushCoalescing = nil
        config.connection.keepalive = .init(
          time: .seconds(5), timeout: .seconds(5), allowWithoutCalls: true)
        config.channelDebuggingCallbacks.onCreateTCPConnection = { WholeFrames.add(to: $0) }
        // It is made anew by whoever opened it.
        config.backoff = .init(
          initial: .milliseconds(20), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
      }, eventLoopGroup: EventLoops.wire.group)
  }

  // What an agent says.

  func send(_ message: AgentMessage) {
    if case .heartbeat(let heartbeat) = message, let way = state.withLock({ $0.heartbeats }) {
      return way.send(heartbeat)
    }
    if !frames.send(WireAgentFrame(message)) { overrun() }
  }

  func tell(_ news: ServiceNews) {
    if !frames.send(.with { $0.news = WireServiceNews(news) }) { overrun() }
  }

  /// The control plane does not read what this agent says.
  func overrun() {
    guard !state.withLock({ $0.isOver || !$0.isOpen }) else { return }
    end(RemoteControlPlane.away)
  }

  /// Asks, and waits for the answer. Cancelling the task gives up waiting.
  func ask(_ fill: (inout WireQuestion) -> Void) async throws(Problem) -> WireAnswer {
    let id = state.withLock { state in
      state.lastQuestion += 1
      return state.lastQuestion
    }
    var question = WireQuestion()
    question.id = id
    fill(&question)
    defer { state.withLock { _ = $0.cancelled.remove(id) } }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAsked = state.withLock { state in
          guard !state.isOver, !state.cancelled.contains(id) else { return false }
          state.asked[id] = continuation
          return true
        }
        guard isAsked else {
          return continuation.resume(returning: .failure(RemoteControlPlane.away))
        }
        if !questions.send(question) { end(RemoteControlPlane.away) }
      }
    } onCancel: {
      giveUp(id)
    }
    let answer = try result.get()
    if case .problem(let problem)? = answer.answer { throw problem.problem }
    return answer
  }

  private func giveUp(_ id: UInt64) {
    let asked = state.withLock { state in
      let asked = state.asked.removeValue(forKey: id)
      if asked == nil { state.cancelled.insert(id) }
      return asked
    }
    guard let asked else { return }
    let question = WireQuestion.with {
      $0.id = id
      $0.cancel = WireEmpty()
    }
    if !questions.send(question) { end(RemoteControlPlane.away) }
    asked.resume(returning: .failure(RemoteControlPlane.away))
  }
}
