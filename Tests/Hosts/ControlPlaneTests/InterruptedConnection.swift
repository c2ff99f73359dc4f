import ClusterModel
import HostPorts
import Synchronization

/// The way of a node to its control plane, which a test interrupts for what the node asks. What the agent itself
/// says still comes through.
final class InterruptedConnection: ControlPlaneConnection {
  private struct State {
    var inner: (any ControlPlaneConnection)?
    var interruption: Problem?
    var forwarded: [ForwardedEvent] = []
  }

  private let content = Mutex(State())

  func leads(to inner: any ControlPlaneConnection) { content.withLock { $0.inner = inner } }

  /// - Parameter problem: what whoever asks hears from now on; `nil` when the way is there again.
  func interrupt(with problem: Problem?) { content.withLock { $0.interruption = problem } }

  /// What the control plane has taken.
  var forwarded: [ForwardedEvent] { content.withLock { $0.forwarded } }

  private var inner: any ControlPlaneConnection {
    guard let inner = content.withLock({ $0.inner }) else {
      preconditionFailure("it leads somewhere before it is used")
    }
    return inner
  }

  private func whole() throws(Problem) -> any ControlPlaneConnection {
    if let interruption = content.withLock({ $0.interruption }) { throw interruption }
    return inner
  }

  func open(
    _ agent: any AgentConnection, from node: NodeID, _ incarnation: Incarnation
  ) async throws(Problem) -> AgentLink {
    try await inner.open(agent, from: node, incarnation)
  }
  func send(_ message: AgentMessage) { inner.send(message) }
  func measured(_ roundTrip: Duration, from node: NodeID) {
    inner.measured(roundTrip, from: node)
  }
  func measured(_ samples: [RoundTripSample], from node: NodeID) {
    inner.measured(samples, from: node)
  }
  func close(_ link: AgentLinkID, from node: NodeID, _ incarnation: Incarnation) async {
    await inner.close(link, from: node, incarnation)
  }
  func module(
    _ digest: ModuleDigest, _ progress: TransferProgress
  ) async throws(Problem) -> [UInt8] { try await whole().module(digest, progress) }
  func trustedKeys() async throws(Problem) -> [TrustedKey] { try await inner.trustedKeys() }
  var state: any GuestState { inner.state }
  func commit(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) async throws(Problem) {
    try await whole().commit(effects, of: activation, under: claim)
  }
  func invoke(
    _ module: QualifiedName, with event: Event, _ options: InvocationOptions, from node: NodeID
  ) async throws(Problem) -> ActivationReport {
    try await whole().invoke(module, with: event, options, from: node)
  }
  func forward(
    _ events: [ForwardedEvent], from node: NodeID
  ) async throws(Problem) -> ForwardedEvents {
    let result = try await whole().forward(events, from: node)
    content.withLock { $0.forwarded += events.prefix(result.count) }
    return result
  }
  func tell(_ news: ServiceNews) { inner.tell(news) }
  func record(
    _ denial: CapabilityDenial, of activation: DeniedActivation
  ) async throws(Problem) { try await whole().record(denial, of: activation) }
}
