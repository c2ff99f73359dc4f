import ClusterModel
import HostPorts
import SwiftProtobuf
import WireMessages

/// State that is read for guests at a control plane in the network.
struct RemoteState: GuestState {
  let plane: RemoteControlPlane

  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    try await entries(
      plane.borrow().ask {
        $0.entry = .with {
          $0.bucket = WireBucketId(bucket, namespace)
          $0.key = key.text
        }
      }
    ).first
  }

  func entries(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
  ) async throws(Problem) -> [StateEntry] {
    try await entries(
      plane.borrow().ask {
        $0.entries = .with {
          $0.bucket = WireBucketId(bucket, namespace)
          $0.prefix = prefix
          if let after { $0.after = after.text }
          $0.limit = UInt32(clamping: limit)
        }
      })
  }

  private func entries(_ answer: WireAnswer) throws(Problem) -> [StateEntry] {
    guard case .entries(let wire)? = answer.answer else { throw RemoteControlPlane.unexpected }
    return try RemoteControlPlane.read { () throws(WireFault) in try wire.all() }
  }

  func position(
    of bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> BucketPosition {
    let answer = try await plane.borrow().ask { $0.position = WireBucketId(bucket, namespace) }
    guard case .position(let wire)? = answer.answer else { throw RemoteControlPlane.unexpected }
    return try RemoteControlPlane.read { () throws(WireFault) in try wire.position() }
  }

  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    patience: Duration
  ) async throws(Problem) -> [StateChange] {
    let answer = try await plane.borrow().ask {
      $0.changes = .with {
        $0.bucket = WireBucketId(bucket, namespace)
        $0.prefix = prefix
        if let revision { $0.after = revision.number }
        $0.patienceNs = UInt64(wire: patience)
      }
    }
    guard case .changes(let wire)? = answer.answer else { throw RemoteControlPlane.unexpected }
    return try RemoteControlPlane.read { () throws(WireFault) in try wire.all() }
  }
}
