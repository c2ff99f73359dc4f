import ClusterModel
import HostPorts
import SwiftProtobuf
import WireMessages

// How far versions are on their way to nodes.

extension WireDistribution {
  init(_ all: [DistributionStatus]) {
    self.init()
    items = all.map { WireDistributionItem($0) }
  }
}

extension WireDistributionItem {
  fileprivate init(_ status: DistributionStatus) {
    self.init()
    node = status.node.text
    placement = WirePlacementId(status.placement)
    version = status.version.text
    digest = status.digest.text
    role = WirePlacementRole(status.role)
    switch status.stage {
    case .waiting: waiting = WireEmpty()
    case .fetching(let amount):
      fetching = .with {
        $0.bytes = UInt64(clamping: amount.received.bytes)
        $0.ofBytes = UInt64(clamping: amount.size?.bytes ?? 0)
      }
    case .compiling: compiling = WireEmpty()
    case .ready(let since): readySinceUs = since.microseconds
    case .failed(let problem): failed = WireProblem(problem)
    }
  }

  func status() throws(WireFault) -> DistributionStatus {
    let stage: DistributionStage
    switch self.stage {
    case .waiting: stage = .waiting
    case .fetching(let transfer):
      stage = .fetching(
        TransferProgress.Amount(
          received: ByteCount(bytes: Int(clamping: transfer.bytes)),
          size: transfer.ofBytes > 0 ? ByteCount(bytes: Int(clamping: transfer.ofBytes)) : nil))
    case .compiling: stage = .compiling
    case .readySinceUs(let time): stage = .ready(since: WallInstant(microseconds: time))
    case .failed(let problem): stage = .failed(problem.problem)
    case nil: throw WireFault("a version is in no stage that is known here")
    }
    return DistributionStatus(
      node: try NodeID(wire: node), placement: try placement.placement(),
      version: try ModuleVersion(wire: version), digest: try ModuleDigest(wire: digest),
      role: try role.standing(), stage: stage)
  }
}
