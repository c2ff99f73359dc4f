import ClusterModel
import Foundation
import HostPorts
import SwiftProtobuf
import WireMessages

// What agents measure, and with whom.

extension WireRoundTrips {
  init(_ samples: [RoundTripSample]) {
    self.init()
    roundTrips = samples.map { sample in
      .with {
        switch sample.to {
        case .node(let node): $0.node = node.text
        case .landmark(let zone): $0.landmark = zone.text
        }
        $0.microseconds = UInt64(clamping: sample.microseconds)
      }
    }
  }

  /// What is measured to something that is not known here is skipped.
  func samples() throws(WireFault) -> [RoundTripSample] {
    var samples: [RoundTripSample] = []
    for wire in roundTrips {
      let target: RoundTripTarget
      switch wire.to {
      case .node(let node): target = .node(try NodeID(wire: node))
      case .landmark(let zone): target = .landmark(try Zone(wire: zone))
      case nil: continue
      }
      samples.append(
        RoundTripSample(to: target, microseconds: Int64(clamping: wire.microseconds)))
    }
    return samples
  }
}

extension WireEchoPeers {
  init(_ peers: [EchoPeer]) {
    self.init()
    self.peers = peers.map { peer in
      .with {
        $0.node = peer.node.text
        $0.session = Data(peer.session)
        $0.key = Data(peer.key)
        $0.host = peer.host
        $0.port = UInt32(clamping: peer.port)
        $0.isFirst = peer.isFirst
      }
    }
  }

  func all() throws(WireFault) -> [EchoPeer] {
    var all: [EchoPeer] = []
    for peer in peers {
      all.append(
        EchoPeer(
          node: try NodeID(wire: peer.node), session: Array(peer.session), key: Array(peer.key),
          host: peer.host, port: Int(peer.port), isFirst: peer.isFirst))
    }
    return all
  }
}
