import ClusterModel
import Crypto
import EventLoops
import Foundation
import GRPCCore
import HostPorts
import Logging
import SwiftProtobuf
import Synchronization
import WireMessages

/// The streams of all agents at the control plane's end.
final class AttachService: WireControlPlane.ServiceProtocol {
  private let plane: any ControlPlaneConnection
  let admit: @Sendable ([UInt8]) async throws(Problem) -> NodeID
  private let callers: any AgentCallers
  private let heartbeats: (any HeartbeatReception)?
  let connections: ConnectionLimit
  private let patience: Duration
  private let inquiryPatience: Duration
  private let programVersion: String
  let logger: Logger
  let agents = Mutex(Agents())
  private let documents = OrderDocuments()

  struct Agents {
    var bySession: [String: RemoteAgent] = [:]
    var byNode: [NodeID: RemoteAgent] = [:]
    /// While the process stops no agent is let in.
    var isClosed = false
  }

  init(
    plane: any ControlPlaneConnection,
    admit: @escaping @Sendable ([UInt8]) async throws(Problem) -> NodeID,
    callers: any AgentCallers, heartbeats: (any HeartbeatReception)?, connections: ConnectionLimit,
    patience: Duration, inquiryPatience: Duration, programVersion: String, logger: Logger
  ) {
    self.connections = connections
    self.patience = patience
    self.inquiryPatience = inquiryPatience
    self.callers = callers
    self.heartbeats = heartbeats
    self.plane = plane
    self.admit = admit
    self.programVersion = programVersion
    self.logger = logger
  }

  /// Ends all attachments, and lets no more in.
  func hangUp() {
    let all = agents.withLock { agents in
      agents.isClosed = true
      return Array(agents.bySession.values)
    }
    for agent in all { agent.end() }
  }

  // Attach.

  func attach(
    request: StreamingServerRequest<WireAgentFrame>, context: ServerContext
  ) async throws -> StreamingServerResponse<WirePlaneFrame> {
    let shown = try await peer(context)
    return StreamingServerResponse { writer in
      // What agents say and are told may be large.
      try await elsewhere { try await self.attach(request.messages, writer, shown) }
    }
  }

  private func attach(
    _ messages: RPCAsyncSequence<WireAgentFrame, any Error>,
    _ writer: RPCWriter<WirePlaneFrame>, _ shown: ShownNode
  ) async throws -> Metadata {
    let frames = OutboundQueue<PlaneFrame>()
    // `nil` when it ends before anybody has come.
    let arrival = OneShot<RemoteAgent?>()
    let impatience = Task {
      // Cancelled by the hello.
      guard (try? await Task.sleep(for: self.patience)) != nil else { return }
      frames.finish()
    }
    defer { impatience.cancel() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(priority: .utility) {
        for await element in frames.elements {
          if let frame = element.frame() { try await writer.write(frame) }
        }
      }
      group.addTask {
        try await self.read(messages, from: shown, frames) { agent in
          impatience.cancel()
          arrival.fill(agent)
        }
      }
      group.addTask { if let agent = await arrival.value { try await agent.untilOver() } }
      group.addTask { try await self.watchStanding(of: shown) }
      if let heartbeats = self.heartbeats {
        group.addTask { try await Self.tellPeers(of: shown.node, heartbeats, frames) }
      }
      // Whoever ends first, such as reader or writer, ends the attachment.
      defer {
        group.cancelAll()
        arrival.fill(nil)
      }
      try await group.next()
    }
    return [:]
  }

  /// How often an agent is told with whom it exchanges echoes, when that has changed.
  private static let peersInterval = Duration.seconds(3)

  private static func tellPeers(
    of node: NodeID, _ heartbeats: any HeartbeatReception, _ frames: OutboundQueue<PlaneFrame>
  ) async throws {
    var told: [EchoPeer] = []
    while true {
      try await Task.sleep(for: peersInterval * Double.random(in: 0.5...1.5))
      let peers = heartbeats.echoPeers(of: node)
      guard peers != told else { continue }
      told = peers
      // An agent that does not read is hung up on by what matters more.
      _ = frames.send(.with { $0.echoPeers = WireEchoPeers(peers) })
    }
  }

  private func read(
    _ messages: RPCAsyncSequence<WireAgentFrame, any Error>, from shown: ShownNode,
    _ frames: OutboundQueue<PlaneFrame>, saidHello: (RemoteAgent) -> Void
  ) async throws {
    let node = shown.node
    var iterator = messages.makeAsyncIterator()
    guard case .hello(let hello)? = try await iterator.next()?.frame else {
      throw RPCError(code: .failedPrecondition, message: "the first frame is no hello")
    }
    let agent = try letIn(hello, node, frames)
    saidHello(agent)
    let invitation = heartbeats?.invite(node, agent.incarnation)
    defer { if let invitation { heartbeats?.forget(invitation) } }
    welcome(agent, invitation)
    let link: AgentLink
    do throws(Problem) {
      link = try await plane.open(agent, from: node, agent.incarnation)
    } catch {
      _ = remove(agent)
      throw RPCError(code: .unavailable, message: "\(error)")
    }
    logger.info(
      "an agent is attached",
      metadata: ["node": "\(node)", "version": "\(agent.programVersion ?? "not said")"])
    do {
      while let frame = try await iterator.next(), !agent.isClosed {
        // It says this again when nobody can look.
        if case .attached? = frame.frame, try await !mayStay(shown) { continue }
        try take(frame, from: agent)
      }
    } catch {
      logger.info(
        "the way to an agent broke off", metadata: ["node": "\(node)", "cause": "\(error)"])
    }
    // One that was replaced by another of its node says nothing of the node by its end, nor does one that ended with
    // this service: the agent opens another way, or falls silent.
    if remove(agent), !agents.withLock(\.isClosed) {
      await plane.close(link.id, from: node, agent.incarnation)
    }
  }

  private func letIn(
    _ hello: WireHello, _ node: NodeID, _ frames: OutboundQueue<PlaneFrame>
  ) throws -> RemoteAgent {
    guard hello.node == node.text else {
      throw RPCError(
        code: .permissionDenied, message: "the certificate is of node \(node), not \(hello.node)")
    }
    let session = Hexadecimal.encode(
      SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) })
    let agent = RemoteAgent(
      node, Incarnation(hello.incarnation), session: session, facts: try hello.facts.facts(),
      features: hello.features, programVersion: WireGreeting.version(hello.programVersion),
      documents: documents, frames: frames, heartbeats: heartbeats,
      inquiryPatience: inquiryPatience)
    let replaced = try agents.withLock { agents -> RemoteAgent? in
      guard !agents.isClosed else {
        throw RPCError(code: .unavailable, message: "the control plane is stopping")
      }
      let former = agents.byNode[node]
      if let former, former.incarnation > agent.incarnation {
        throw RPCError(
          code: .failedPrecondition,
          message: "a newer agent of node \(node) is attached: run one agent for each node name")
      }
      guard former != nil || agents.byNode.count < WireLimits.attachments else {
        throw RPCError(code: .resourceExhausted, message: "there are too many agents")
      }
      agents.byNode[node] = agent
      agents.bySession[session] = agent
      return former
    }
    replaced?.end()
    return agent
  }

  private func welcome(_ agent: RemoteAgent, _ invitation: HeartbeatInvitation?) {
    // The first frame there is room for.
    _ = agent.frames.send(
      .with {
        $0.welcome = .with {
          $0.programVersion = programVersion
          $0.features = WireGreeting.features
          $0.session = agent.session
          if let invitation { $0.heartbeats = WireHeartbeatInvitation(invitation) }
        }
      })
  }

  /// - Returns: whether it was the newest of its node.
  private func remove(_ agent: RemoteAgent) -> Bool {
    defer { agent.end() }
    return agents.withLock { agents in
      agents.bySession[agent.session] = nil
      guard agents.byNode[agent.node] === agent else { return false }
      agents.byNode[agent.node] = nil
      return true
    }
  }

  private func take(_ frame: WireAgentFrame, from agent: RemoteAgent) throws {
    switch frame.frame {
    case .answer(let answer): try agent.take(answer)
    case .news(let wire):
      let news = try wire.news()
      guard news.node == agent.node else { throw foreign(news.node, agent.node) }
      plane.tell(news)
    case .roundTrip(let measured):
      plane.measured(
        .microseconds(Int64(clamping: measured.microseconds)), from: agent.node)
    case .roundTrips(let wire): plane.measured(try wire.samples(), from: agent.node)
    case .attached, .reported, .heartbeat, .left:
      guard let message = try frame.message() else { return }
      guard message.node == agent.node else { throw foreign(message.node, agent.node) }
      plane.send(message)
    case .hello: throw RPCError(code: .invalidArgument, message: "a second hello")
    case nil: break  // Of a newer agent.
    }
  }

  private func foreign(_ said: NodeID, _ node: NodeID) -> RPCError {
    RPCError(code: .permissionDenied, message: "node \(node) speaks for node \(said)")
  }

  // Run, Ask, FetchModule.

  func run(
    request: StreamingServerRequest<WireRunAnswer>, context: ServerContext
  ) async throws -> StreamingServerResponse<WireRunOrder> {
    let agent = try await attached(request.metadata, context)
    return StreamingServerResponse { writer in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          while let order = await agent.orders.next() { try await writer.write(order) }
        }
        group.addTask { for try await answer in request.messages { try agent.take(answer) } }
        group.addTask { try await agent.untilOver() }
        defer {
          group.cancelAll()
          agent.end()
        }
        try await group.next()
      }
      return [:]
    }
  }

  func ask(
    request: StreamingServerRequest<WireQuestion>, context: ServerContext
  ) async throws -> StreamingServerResponse<WireAnswer> {
    let agent = try await attached(request.metadata, context)
    let desk = QuestionDesk(plane: plane, callers: callers, node: agent.node)
    return StreamingServerResponse { writer in
      let answers = OutboundQueue<WireAnswer>()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { for await answer in answers.elements { try await writer.write(answer) } }
        group.addTask {
          try await Self.answer(request.messages, at: desk) { answer in
            if !answers.send(answer) { agent.end() }
          }
        }
        group.addTask { try await agent.untilOver() }
        defer {
          group.cancelAll()
          agent.end()
        }
        try await group.next()
      }
      return [:]
    }
  }

  /// Answers questions as they come, so many at the same time.
  private static func answer(
    _ questions: RPCAsyncSequence<WireQuestion, any Error>, at desk: QuestionDesk,
    _ send: @escaping @Sendable (WireAnswer) -> Void
  ) async throws {
    let open = OpenQuestions()
    try await withThrowingTaskGroup(of: Void.self) { group in
      // Before the group waits for those that answer: nobody hears them any more.
      defer { open.cancelAll() }
      var count = 0
      for try await question in questions {
        if case .cancel = question.question {
          open.cancel(question.id)
          continue
        }
        if count >= WireLimits.openQuestions {
          try await group.next()
          count -= 1
        }
        count += 1
        let task = Task { send(await desk.answer(question)) }
        open.add(question.id, task)
        group.addTask {
          await task.value
          open.remove(question.id)
        }
      }
      group.cancelAll()
    }
  }

  func fetchModule(
    request: ServerRequest<WireFetchModuleRequest>, context: ServerContext
  ) async throws -> StreamingServerResponse<WireModuleChunk> {
    let node = try await peer(context).node
    let digest = try ModuleDigest(wire: request.message.digest)
    let module: [UInt8]
    do throws(Problem) {
      module = try await elsewhere { () throws(Problem) in try await plane.module(digest) }
    } catch {
      let code: RPCError.Code = error.category == .notFound ? .notFound : .unavailable
      throw RPCError(code: code, message: "\(error)")
    }
    let begin = request.message.offset
    guard begin <= UInt64(module.count) else {
      throw RPCError(code: .outOfRange, message: "the module ends before \(begin)")
    }
    logger.debug(
      "a module is fetched",
      metadata: ["node": "\(node)", "module": "\(digest.short)", "from": "\(begin)"])
    return StreamingServerResponse { writer in
      var offset = Int(begin)
      repeat {
        let end = min(offset + WireLimits.chunk.bytes, module.count)
        let data = Data(module[offset..<end])
        try await writer.write(
          .with {
            $0.offset = UInt64(offset)
            $0.size = UInt64(module.count)
            $0.data = data
            $0.checksum = Data(SHA256.hash(data: data))
          })
        offset = end
      } while offset < module.count
      return [:]
    }
  }
}

/// The questions of one agent that are being answered.
private final class OpenQuestions: Sendable {
  private let tasks = Mutex<[UInt64: Task<Void, Never>]>([:])

  func add(_ id: UInt64, _ task: Task<Void, Never>) { tasks.withLock { $0[id] = task } }
  func remove(_ id: UInt64) { tasks.withLock { _ = $0.removeValue(forKey: id) } }
  func cancel(_ id: UInt64) { tasks.withLock { $0[id] }?.cancel() }
  func cancelAll() { for task in tasks.withLock({ Array($0.values) }) { task.cancel() } }
}
