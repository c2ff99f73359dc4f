import ClusterModel
import EventLoops

/// How many connections a port has, and how long one may take until it is known whose it is.
struct ConnectionBounds: Hashable, Sendable {
  /// Connections, with those that wait.
  var most: Int
  /// Those that wait until it is known whose they are. The places of the others are not theirs to take.
  var mostWaiting: Int
  /// Those that wait and come from one address.
  var mostFromOneOrigin: Int
  /// Those that are known to be of the same one.
  var mostOfOneOwner: Int
  /// Until it is known whose a connection is, with the handshake of TLS.
  var patience: Duration
  /// What each gets of that, also when others want its place.
  var fairTime: Duration
}

extension ConnectionBounds {
  /// Of the port at which agents attach.
  ///
  /// When the control plane comes back a whole fleet wants to be let in at once, perhaps all from one address. It need
  /// not wait all at once: 1,024 handshakes keep the processors busy, and are done before their fair time is over.
  /// Whoever is refused meanwhile comes again.
  static func agents(
    most: Int = ConnectionShares.agents(), patience: Duration = WireHandshake.patience
  ) -> Self {
    let most = min(most, WireLimits.attachments)
    let waiting = min(1024, max(32, most / 4))
    return Self(
      most: most, mostWaiting: waiting, mostFromOneOrigin: max(32, waiting / 4), mostOfOneOwner: 8,
      patience: patience, fairTime: patience / 4)
  }

  /// Of an agent's own service: a connection stays that has a call, as each call says whose it is.
  static let tools = ConnectionBounds(
    most: AgentServiceLimits.connections, mostWaiting: AgentServiceLimits.connections / 2,
    mostFromOneOrigin: AgentServiceLimits.connections / 4,
    mostOfOneOwner: AgentServiceLimits.connections, patience: AgentServiceLimits.handshake,
    fairTime: AgentServiceLimits.handshake / 4)
}
