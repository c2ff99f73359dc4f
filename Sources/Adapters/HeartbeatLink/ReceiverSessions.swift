import ClusterModel
import HeartbeatCoding
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

  private let state = Mutex(State())

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
