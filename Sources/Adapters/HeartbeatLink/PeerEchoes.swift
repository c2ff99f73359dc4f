import ClusterModel
import HeartbeatCoding
import HostPorts
import Synchronization

/// The agents with which one exchanges echoes: asks each now and then, answers what they ask, and keeps the
/// shortest of what was measured until it is taken.
///
/// Of whoever does not answer, behind a router that lets nothing in, nothing is measured.
final class PeerEchoes: Sendable {
  private struct Peer {
    let node: NodeID
    let address: DatagramAddress
    let coder: DatagramCoder
    var nextAsk: MonotonicInstant
    var asked: (stamp: EchoStamp, at: MonotonicInstant)?
    /// Since it was taken.
    var least: Duration?
  }

  private let peers = Mutex<[HeartbeatSessionID: Peer]>([:])

  /// How often each is asked, half of it more or less, so that agents do not ask in step.
  static let interval = Duration.seconds(5)

  /// In place of all before; what is known of those that stay is kept.
  func replace(with new: [EchoPeer], at now: MonotonicInstant) {
    var all: [HeartbeatSessionID: Peer] = [:]
    for peer in new.prefix(EchoPeer.most) {
      // What makes no sense is not measured; an address is understood at once.
      guard let id = try? HeartbeatSessionID(peer.session), let key = try? HeartbeatKey(peer.key),
        DatagramAddress.isNumeric(peer.host), let port = UInt16(exactly: peer.port), port > 0,
        let address = try? DatagramAddress(host: peer.host, port: port)
      else { continue }
      let session = HeartbeatSession(
        id: id, key: key, node: peer.node, incarnation: Incarnation(0))
      all[id] = Peer(
        node: peer.node, address: address,
        coder: DatagramCoder(session, as: peer.isFirst ? .agent : .controlPlane),
        nextAsk: now + Self.jittered())
    }
    peers.withLock { peers in
      for (id, peer) in peers where all[id]?.address == peer.address { all[id] = peer }
      peers = all
    }
  }

  private static func jittered() -> Duration { interval * Double.random(in: 0.5...1.5) }

  /// What to ask now, and after how long to look again.
  func due(at now: MonotonicInstant) -> (asks: [(bytes: [UInt8], to: DatagramAddress)], Duration) {
    peers.withLock { peers in
      var asks: [(bytes: [UInt8], to: DatagramAddress)] = []
      var next = now + Self.interval
      for (id, peer) in peers {
        if peer.nextAsk <= now {
          let stamp = EchoStamp(UInt64.random(in: 0 ... .max))
          peers[id]?.asked = (stamp, now)
          peers[id]?.nextAsk = now + Self.jittered()
          asks.append((peer.coder.encode(.echoRequest(stamp)), peer.address))
        }
        next = min(next, peers[id]?.nextAsk ?? next)
      }
      return (asks, next - now)
    }
  }

  /// Takes a datagram of a peer.
  ///
  /// - Returns: what is to be sent back to where it came from.
  /// - Throws: `session` when it is of none.
  func take(
    _ bytes: ArraySlice<UInt8>, at now: MonotonicInstant
  ) throws(DatagramRefusal) -> [UInt8]? {
    let id = try DatagramCoder.session(of: bytes)
    guard let coder = peers.withLock({ $0[id]?.coder }) else { throw .session }
    switch try coder.decode(bytes) {
    case .echoRequest(let stamp): return coder.encode(.echoReply(stamp))
    case .echoReply(let stamp):
      let isAwaited = peers.withLock { peers in
        guard var peer = peers[id], let asked = peer.asked, asked.stamp == stamp else {
          return false
        }
        let measured = now - asked.at
        peer.asked = nil
        peer.least = min(peer.least ?? measured, measured)
        peers[id] = peer
        return true
      }
      guard isAwaited else { throw .old }
      return nil
    case .heartbeat, .acknowledgement, .deathNotice: throw .kind
    }
  }

  /// The shortest ways since this was asked last, sorted by node.
  func taken() -> [RoundTripSample] {
    peers.withLock { peers in
      var samples: [RoundTripSample] = []
      for (id, peer) in peers {
        guard let least = peer.least else { continue }
        samples.append(
          RoundTripSample(to: .node(peer.node), microseconds: max(1, least.nanoseconds / 1000)))
        peers[id]?.least = nil
      }
      return samples.sorted { $0.to < $1.to }
    }
  }
}
