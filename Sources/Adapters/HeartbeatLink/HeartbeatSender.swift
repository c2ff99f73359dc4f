public import ClusterModel
public import DedicatedThreads
public import HeartbeatCoding
public import HostPorts
import Synchronization

/// The agent's end of heartbeats, for one session.
///
/// Heartbeats leave on the thread that sends them; acknowledgements are read on a thread of its own, which
/// also measures how long it takes to the control plane and back.
public final class HeartbeatSender: Sendable {
  public let session: HeartbeatSession
  /// Where heartbeats go.
  public let address: DatagramAddress
  public let refused: RefusedDatagrams
  private let socket: DatagramSocket
  private let coder: DatagramCoder
  private let echo: EchoTimer
  private let peers: PeerEchoes
  private let thread: DatagramThread

  /// How its thread is scheduled.
  public var scheduling: HeartbeatScheduling { thread.scheduling }

  /// - Parameters:
  ///   - address: of the control plane's receiver.
  ///   - acknowledged: called on the thread with each acknowledgement. It must not wait.
  /// - Throws: ``Problem`` when there is no socket to be had.
  public init(
    _ session: HeartbeatSession, to address: DatagramAddress,
    urgency: ThreadUrgency = .realTimeIfPermitted,
    acknowledged: @escaping @Sendable (ControlMessage) -> Void
  ) throws(Problem) {
    let socket = try DatagramSocket(address, isBound: false)
    let coder = DatagramCoder(session, as: .agent)
    let refused = RefusedDatagrams(at: .agent)
    let echo = EchoTimer()
    let peers = PeerEchoes()
    self.session = session
    self.address = address
    self.socket = socket
    self.coder = coder
    self.refused = refused
    self.echo = echo
    self.peers = peers
    thread = DatagramThread(
      socket, name: "wm-acks", urgency: urgency,
      take: { bytes, sender in
        do throws(DatagramRefusal) {
          guard try DatagramCoder.session(of: bytes) == coder.session.id else {
            if let answer = try peers.take(bytes, at: monotonicNow()) {
              socket.send(answer, to: sender)
            }
            return
          }
          switch try coder.decode(bytes) {
          case .acknowledgement(let acknowledgement): acknowledged(acknowledgement.message)
          case .echoReply(let stamp):
            guard echo.answered(stamp, at: monotonicNow()) else { throw .old }
          case .echoRequest(let stamp):
            socket.send(coder.encode(.echoReply(stamp)), to: sender)
          case .heartbeat, .deathNotice: throw .kind
          }
        } catch {
          refused.count(error)
        }
      },
      tick: {
        let (stamp, wait) = echo.next(at: monotonicNow())
        if let stamp { socket.send(coder.encode(.echoRequest(stamp)), to: address) }
        let (asks, peersWait) = peers.due(at: monotonicNow())
        for ask in asks { socket.send(ask.bytes, to: ask.to) }
        return min(wait, peersWait)
      })
  }

  /// Sends a heartbeat, without waiting. It may be lost, as any datagram.
  public func send(_ heartbeat: Heartbeat) {
    socket.send(coder.encode(.heartbeat(heartbeat)), to: address)
  }

  /// How long it takes to the control plane and back; `nil` until that was measured.
  public var roundTrip: RoundTripEstimate? { echo.estimate }

  /// With whom it exchanges echoes from now on, from any thread.
  public func exchangeEchoes(with peers: [EchoPeer]) {
    self.peers.replace(with: peers, at: monotonicNow())
  }

  /// The shortest ways to these that were measured since this was asked last.
  public func takeMeasuredPeers() -> [RoundTripSample] { peers.taken() }

  /// What tells the control plane that this process has ended, for who watches it. It is never sent while
  /// the process lives.
  public var deathNotice: [UInt8] { coder.encode(.deathNotice(session.incarnation)) }

  /// No acknowledgement is handed on any more when this returns.
  public func stop() { thread.stop() }
}

/// Says when to ask for an echo, and takes the time of the answers.
final class EchoTimer: Sendable {
  private struct State {
    var asked: (stamp: EchoStamp, at: MonotonicInstant)?
    var next: MonotonicInstant?
    var estimate: RoundTripEstimate?
  }

  private let state = Mutex(State())

  /// Often enough to follow a network that changes, and next to nothing beside the heartbeats.
  static let interval = Duration.milliseconds(500)

  var estimate: RoundTripEstimate? { state.withLock { $0.estimate } }

  /// What to ask now, if anything, and after how long to look again. An answer that has not come by the
  /// next time is not waited for.
  func next(at now: MonotonicInstant) -> (EchoStamp?, Duration) {
    state.withLock { state in
      if let next = state.next, next > now { return (nil, next - now) }
      let stamp = EchoStamp(UInt64(bitPattern: now.nanoseconds))
      state.asked = (stamp, now)
      state.next = now + Self.interval
      return (stamp, Self.interval)
    }
  }

  /// False when this is not what was asked for.
  func answered(_ stamp: EchoStamp, at now: MonotonicInstant) -> Bool {
    state.withLock { state in
      guard let asked = state.asked, asked.stamp == stamp else { return false }
      state.asked = nil
      let measured = now - asked.at
      guard state.estimate != nil else {
        state.estimate = RoundTripEstimate(measured)
        return true
      }
      state.estimate?.take(measured)
      return true
    }
  }
}
