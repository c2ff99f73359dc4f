import ClusterModel
import HostPorts
import NodeTracking
import SupervisionRuntime
import Synchronization

/// The ways to agents and from them. Two services own it: one the links and all messages but vital signs,
/// the other these, so that neither holds up the other.
///
/// What arrives while a service is down, or while there is no control plane to hear it, is lost: agents
/// say everything again until it is acknowledged.
final class AgentLinks: Sendable {
  /// What comes over the links, in its order.
  enum News: Sendable {
    case message(AgentMessage)
    /// An agent said that it has ended.
    case ended(NodeID, Incarnation)
    /// An agent has measured the way to this control plane and back.
    case measured(NodeID, Duration)
    /// The same to others and to landmarks.
    case measuredOthers(NodeID, [RoundTripSample])
  }

  private struct State {
    /// `nil` while nobody listens.
    var messages: AsyncStream<News>.Continuation?
    var monitor: (@Sendable (VitalSign) -> Void)?
    var agents: [NodeID: (link: AgentLinkID, agent: any AgentConnection)] = [:]
    var lastLink: UInt64 = 0
  }

  private let state = Mutex(State())

  /// Messages that may wait to be read; what comes beyond that is lost, and said again.
  private static let mailboxSize = 100_000

  /// The way to a node's agent; `nil` when there is none.
  subscript(node: NodeID) -> (any AgentConnection)? { state.withLock { $0.agents[node]?.agent } }

  /// All ways there are, by node.
  var all: [(node: NodeID, agent: any AgentConnection)] {
    state.withLock { state in
      state.agents.sorted { $0.key < $1.key }.map { (node: $0.key, agent: $0.value.agent) }
    }
  }

  /// Asks agents at once: one that is frozen holds up nobody but itself.
  ///
  /// - Parameter nodes: of whom an answer can be expected.
  /// - Returns: what each said, sorted by node.
  func ask<Answer: Sendable>(
    _ nodes: Set<NodeID>, _ question: @escaping @Sendable (any AgentConnection) async -> Answer
  ) async -> [(node: NodeID, answer: Answer)] {
    await withTaskGroup(of: (node: NodeID, answer: Answer).self) { group in
      for link in all where nodes.contains(link.node) {
        group.addTask { (link.node, await question(link.agent)) }
      }
      var answers: [(node: NodeID, answer: Answer)] = []
      for await answer in group { answers.append(answer) }
      return answers.sorted { $0.node < $1.node }
    }
  }

  func open(_ agent: any AgentConnection, from node: NodeID) throws(Problem) -> AgentLinkID {
    let link = state.withLock { state -> AgentLinkID? in
      guard state.messages != nil else { return nil }
      state.lastLink += 1
      let link = AgentLinkID(state.lastLink)
      state.agents[node] = (link, agent)
      return link
    }
    guard let link else {
      throw Problem(
        .unavailable, code: "restarting", "the control plane takes no agents at the moment",
        next: "Try again in a moment.")
    }
    return link
  }

  /// The agent's end of a link is closed. Of one that was replaced by another that says nothing.
  func close(_ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation) {
    let mailbox = state.withLock { state -> AsyncStream<News>.Continuation? in
      guard state.agents[node]?.link == link else { return nil }
      state.agents[node] = nil
      return state.messages
    }
    mailbox?.yield(.ended(node, incarnation))
  }

  /// A node is let in no more: its link is closed, whatever its agent does, and ends nothing else.
  func hangUp(on node: NodeID) {
    let agent = state.withLock { $0.agents.removeValue(forKey: node)?.agent }
    agent?.closed()
  }

  /// An agent's process has ended, as whoever watches it saw.
  func died(_ node: NodeID, _ incarnation: Incarnation) {
    state.withLock { $0.monitor }?(.death(node, incarnation))
  }

  /// An agent has measured the way to this control plane and back.
  func measured(_ roundTrip: Duration, from node: NodeID) {
    state.withLock { $0.messages }?.yield(.measured(node, roundTrip))
  }

  /// The same to others and to landmarks.
  func measured(_ samples: [RoundTripSample], from node: NodeID) {
    state.withLock { $0.messages }?.yield(.measuredOthers(node, samples))
  }

  func take(_ message: AgentMessage) {
    switch message {
    case .heartbeat(let heartbeat): state.withLock { $0.monitor }?(.heartbeat(heartbeat))
    case .attached, .reported, .left: state.withLock { $0.messages }?.yield(.message(message))
    }
  }

  /// A newer one takes the place of one that waits: what is read late must not be old, and whoever reads has
  /// no more to do than there are nodes.
  // Its owners.

  /// Agents may open links from now on.
  func listen() -> AsyncStream<News> {
    let (mailbox, continuation) = Self.mailbox(of: News.self)
    state.withLock { $0.messages = continuation }
    return mailbox
  }

  /// Every agent hears that its link is closed, and opens a new one when it can. That is no evidence
  /// that an agent is gone.
  func hangUp() {
    let agents = state.withLock { state in
      state.messages?.finish()
      state.messages = nil
      defer { state.agents = [:] }
      return state.agents
    }
    for node in agents.keys.sorted() { agents[node]?.agent.closed() }
  }

  /// Vital signs go there from now on, on the thread on which they come.
  func monitor(_ take: @escaping @Sendable (VitalSign) -> Void) {
    state.withLock { $0.monitor = take }
  }

  func stopMonitoring() { state.withLock { $0.monitor = nil } }

  private static func mailbox<Element>(
    of type: Element.Type
  ) -> (AsyncStream<Element>, AsyncStream<Element>.Continuation) {
    AsyncStream.makeStream(of: type, bufferingPolicy: .bufferingOldest(mailboxSize))
  }
}

/// Owns the links of agents, and reads what they say.
struct AttachListener: SupervisedService {
  let links: AgentLinks
  let plane: ResourceSlot<ControlPlane>

  @concurrent func run(ready: @escaping @Sendable () -> Void) async throws {
    let news = links.listen()
    ready()
    for await news in news {
      switch news {
      case .message(let message): await plane.current?.hear(message)
      case .ended(let node, let incarnation):
        await plane.current?.agentEnded(node, incarnation, .connectionClosed)
      case .measured(let node, let roundTrip):
        await plane.current?.measured(roundTrip, from: node)
      case .measuredOthers(let node, let samples):
        await plane.current?.measured(samples, from: node)
      }
    }
    links.hangUp()
  }
}

/// Owns the way of vital signs.
struct HeartbeatMonitor: SupervisedService {
  let links: AgentLinks
  let plane: ResourceSlot<ControlPlane>

  @concurrent func run(ready: @escaping @Sendable () -> Void) async throws {
    links.monitor { [plane] in plane.current?.take($0) }
    ready()
    await untilCancelled()
    links.stopMonitoring()
  }
}
