public import ClusterModel
public import DedicatedThreads
public import HeartbeatCoding
public import HostPorts
import Synchronization

/// The control plane's end of heartbeats: one socket and one thread for all nodes.
///
///     datagram ──> size, magic, session known? ──> authentic? ──> newer than all before? ──> heard
///                  (no cryptography until here)        │                    │
///                                                      └─> echo: answered   └─> its sender is where
///                                                          on the spot          acknowledgements go
///
/// Whatever arrives, it holds no more than its sessions; what it has not read yet lies in the socket's
/// buffer, which the system bounds. Datagrams that do not count are dropped and counted.
public final class HeartbeatReceiver: Sendable {
  /// Where it listens.
  public let address: DatagramAddress
  public let refused: RefusedDatagrams
  private let socket: DatagramSocket
  private let sessions: ReceiverSessions
  private let thread: DatagramThread
  private let secrets: PairSecrets

  /// How its thread is scheduled.
  public var scheduling: HeartbeatScheduling { thread.scheduling }

  /// - Parameters:
  ///   - address: where to listen; port 0 is any that is free.
  ///   - heard: called on the thread with each heartbeat, for each session in order. It must not wait.
  ///   - died: called on the thread when an agent's process has ended, once. It must not wait.
  /// - Throws: ``Problem`` when nothing can be received there.
  public init(
    on address: DatagramAddress, urgency: ThreadUrgency = .realTimeIfPermitted,
    heard: @escaping @Sendable (Heartbeat) -> Void,
    died: @escaping @Sendable (NodeID, Incarnation) -> Void
  ) throws(Problem) {
    let socket = try DatagramSocket(address, isBound: true)
    let sessions = ReceiverSessions()
    let refused = RefusedDatagrams(at: .controlPlane)
    self.socket = socket
    self.sessions = sessions
    self.refused = refused
    self.address = socket.address
    var random = SystemRandomNumberGenerator()
    secrets = PairSecrets(using: &random)
    thread = DatagramThread(
      socket, name: "wm-heartbeats", urgency: urgency,
      take: { bytes, sender in
        do throws(DatagramRefusal) {
          let coder = try sessions.coder(for: DatagramCoder.session(of: bytes))
          let datagram = try coder.decode(bytes)
          if case .echoRequest(let stamp) = datagram {
            socket.send(coder.encode(.echoReply(stamp)), to: sender)
            return
          }
          try sessions.note(datagram, of: coder.session.id, from: sender)
          switch datagram {
          case .heartbeat(let heartbeat): heard(heartbeat)
          case .deathNotice(let incarnation): died(coder.session.node, incarnation)
          case .echoRequest, .echoReply, .acknowledgement: break
          }
        } catch {
          refused.count(error)
        }
      }, tick: { nil })
  }

  /// Datagrams of this session count from now on, and those of an earlier one of the node no more. One of
  /// an older incarnation than is known changes nothing.
  ///
  /// - Throws: ``Problem`` when there are too many sessions.
  public func register(_ session: HeartbeatSession) throws(Problem) {
    try sessions.register(session)
  }

  /// Datagrams of this session count no more.
  public func forget(_ session: HeartbeatSessionID) { sessions.forget(session) }

  /// Tells an agent that its heartbeat has arrived, from any thread, without waiting.
  ///
  /// - Returns: false when the message is none for a datagram, or nothing was heard of the node yet: it
  ///   has to go another way.
  @discardableResult
  public func send(_ message: ControlMessage, to node: NodeID) -> Bool {
    guard let acknowledgement = HeartbeatAcknowledgement(message),
      let (coder, address) = sessions.way(to: node),
      acknowledgement.incarnation == coder.session.incarnation
    else { return false }
    return socket.send(coder.encode(.acknowledgement(acknowledgement)), to: address)
  }

  /// With whom a node's agent exchanges echoes; none when nothing was heard of it.
  public func echoPeers(of node: NodeID) -> [EchoPeer] {
    sessions.echoPeers(of: node, secrets, at: monotonicNow())
  }

  /// Nothing is heard any more when this returns, and another may listen at its address.
  public func stop() {
    thread.stop()
    socket.leave()
  }
}
