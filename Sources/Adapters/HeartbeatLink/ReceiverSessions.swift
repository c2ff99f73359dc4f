import ClusterModel
import HeartbeatCoding
import HostPorts
import Synchronization

/// The sessions of a receiver: whom it knows, and where they are.
final class ReceiverSessions: Sendable {
  private struct Session {
    let coder: DatagramCoder
    /// Of the newest heartbeat.
    var sequence: UInt64 = 0
    /// Where that came from.
    var address: DatagramAddress?
    /// Whether its process is known to have ended.
    var hasEnded = false
  }

  private struct State {
    var sessions: [HeartbeatSessionID: Session] = [:]
    /// The newest of each node.
    var newest: [NodeID: HeartbeatSessionID] = [:]
  }

  /// Those that were heard, by their names.
  private struct Ring {
    var members: [(session: HeartbeatSession, address: DatagramAddress)] = []
    var places: [NodeID: Int] = [:]
    var madeAt: MonotonicInstant?
  }

  private let state = Mutex(State())
  private let ring = Mutex(Ring())

  /// As many as nodes may be known.
  static let most = 100_000

  func register(_ session: HeartbeatSession) throws(Problem) {
    let isFull = state.withLock { state in
      if let last = state.newest[session.node] {
        guard let known = state.sessions[last]?.coder.session,
          known.incarnation <= session.incarnation, known.id != session.id
        else { return false }
        state.sessions[last] = nil
      } else if state.newest.count >= Self.most {
        return true
      }
      state.newest[session.node] = session.id
      state.sessions[session.id] = Session(coder: DatagramCoder(session, as: .controlPlane))
      return false
    }
    guard !isFull else {
      throw Problem(
        .overloaded, code: "heartbeat_sessions_too_many",
        "there are \(Self.most) agents that send heartbeats already",
        next: "Remove nodes that are gone, see `wasmatrix nodes`.")
    }
  }

  func forget(_ id: HeartbeatSessionID) {
    state.withLock { state in
      guard let session = state.sessions.removeValue(forKey: id)?.coder.session else { return }
      if state.newest[session.node] == id { state.newest[session.node] = nil }
    }
  }

  func coder(for id: HeartbeatSessionID) throws(DatagramRefusal) -> DatagramCoder {
    guard let coder = state.withLock({ $0.sessions[id]?.coder }) else { throw .session }
    return coder
  }

  /// Takes in an authentic datagram.
  ///
  /// - Throws: `old` when it says nothing new. An address is believed only with something new: whoever
  ///   repeats what was heard cannot draw acknowledgements to itself.
  func note(
    _ datagram: HeartbeatDatagram, of id: HeartbeatSessionID, from sender: DatagramAddress
  ) throws(DatagramRefusal) {
    let isNew = state.withLock { state in
      // It may have been forgotten meanwhile.
      guard let session = state.sessions[id], !session.hasEnded else { return false }
      switch datagram {
      case .heartbeat(let heartbeat):
        guard heartbeat.sequence > session.sequence else { return false }
        state.sessions[id]?.sequence = heartbeat.sequence
        state.sessions[id]?.address = sender
        return true
      case .deathNotice:
        state.sessions[id]?.hasEnded = true
        return true
      case .acknowledgement, .echoRequest, .echoReply:
        // Nobody asks for an echo here.
        return false
      }
    }
    guard isNew else { throw .old }
  }

  /// How long the ring of all that were heard is used until it is made anew: that looks at all of them.
  static let ringLife = Duration.seconds(5)

  /// With whom a node exchanges echoes: with some of those that were heard.
  func echoPeers(
    of node: NodeID, _ secrets: PairSecrets, at now: MonotonicInstant
  ) -> [EchoPeer] {
    let ring = ring(at: now)
    guard let place = ring.places[node] else { return [] }
    let own = ring.members[place].session
    return EchoNeighbours.of(place, among: ring.members.count).map { index in
      let (other, address) = ring.members[index]
      let pair = secrets.session(
        (own.node, own.incarnation), (other.node, other.incarnation))
      return EchoPeer(
        node: other.node, session: pair.session.id.bytes, key: pair.session.key.bytes,
        host: address.host, port: Int(address.port), isFirst: pair.first == node)
    }
  }

  private func ring(at now: MonotonicInstant) -> Ring {
    ring.withLock { ring in
      if let made = ring.madeAt, now - made < Self.ringLife { return ring }
      // Those who hear wait for no more than the copy.
      let (sessions, newest) = state.withLock { ($0.sessions, $0.newest) }
      ring.members = newest.values.compactMap { id in
        guard let session = sessions[id], !session.hasEnded, let address = session.address
        else { return nil }
        return (session.coder.session, address)
      }.sorted { $0.session.node < $1.session.node }
      ring.places = [:]
      for (place, member) in ring.members.enumerated() { ring.places[member.session.node] = place }
      ring.madeAt = now
      return ring
    }
  }

  /// How to reach a node; `nil` when it was not heard yet.
  func way(to node: NodeID) -> (coder: DatagramCoder, address: DatagramAddress)? {
    state.withLock { state in
      guard let session = state.newest[node].flatMap({ state.sessions[$0] }),
        let address = session.address
      else { return nil }
      return (session.coder, address)
    }
  }
}
