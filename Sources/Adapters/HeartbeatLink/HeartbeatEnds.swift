public import ClusterModel
import DedicatedThreads
import HeartbeatCoding
public import HostPorts

/// Takes heartbeats as datagrams, for those who attach agents.
public final class DatagramReception: HeartbeatReception {
  public let receiver: HeartbeatReceiver
  private let interval: Duration

  /// - Parameter interval: what agents are told to leave between two heartbeats.
  public init(_ receiver: HeartbeatReceiver, interval: Duration) {
    self.receiver = receiver
    self.interval = interval
  }

  public func invite(_ node: NodeID, _ incarnation: Incarnation) -> HeartbeatInvitation? {
    var random = SystemRandomNumberGenerator()
    let session = HeartbeatSession(for: node, incarnation, using: &random)
    do {
      try receiver.register(session)
    } catch {
      return nil
    }
    return HeartbeatInvitation(
      session: session.id.bytes, key: session.key.bytes, port: Int(receiver.address.port),
      interval: interval)
  }

  public func forget(_ invitation: HeartbeatInvitation) {
    guard let id = try? HeartbeatSessionID(invitation.session) else { return }
    receiver.forget(id)
  }

  public func echoPeers(of node: NodeID) -> [EchoPeer] { receiver.echoPeers(of: node) }

  public func send(_ message: ControlMessage, to node: NodeID) -> Bool {
    receiver.send(message, to: node)
  }
}

/// Sends heartbeats as datagrams.
public struct DatagramDispatch: HeartbeatDispatch {
  private let watched: @Sendable (_ notice: [UInt8], _ address: [UInt8]) -> Void

  /// - Parameter watched: told with each session what tells the control plane that this process has died, and
  ///   where that goes (`sockaddr`), for who watches it.
  public init(
    watched: @escaping @Sendable (_ notice: [UInt8], _ address: [UInt8]) -> Void = { _, _ in }
  ) {
    self.watched = watched
  }

  public func accept(
    _ invitation: HeartbeatInvitation, host: String, from node: NodeID, _ incarnation: Incarnation,
    acknowledged: @escaping @Sendable (ControlMessage) -> Void
  ) throws(Problem) -> any HeartbeatWay {
    let session: HeartbeatSession
    do throws(InvalidValue) {
      session = HeartbeatSession(
        id: try HeartbeatSessionID(invitation.session), key: try HeartbeatKey(invitation.key),
        node: node, incarnation: incarnation)
    } catch {
      throw Problem(
        .invalidInput, code: "heartbeat_invitation_invalid",
        "the control plane's invitation to send heartbeats makes no sense", cause: "\(error)")
    }
    let sender = try HeartbeatSender(
      session, to: DatagramAddress(host: host, port: UInt16(clamping: invitation.port)),
      acknowledged: acknowledged)
    watched(sender.deathNotice, sender.address.systemBytes)
    return sender
  }
}

extension HeartbeatSender: HeartbeatWay {
  public var measuredRoundTrip: Duration? { roundTrip?.smoothed }
}
