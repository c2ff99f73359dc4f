import ClusterModel
import HostPorts
import SupervisionRuntime

// The buckets that manifests declare.
extension SupervisedControlPlane {
  /// Makes the buckets of an application before its modules may look for them. They stay when the
  /// deployment fails after that, and when a later manifest names them no more.
  ///
  /// - Throws: ``Problem`` `bucket_consistency`, before anything is changed; `capability_unsupported`.
  func declareBuckets(
    of manifest: ApplicationManifest, by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) {
    try await requireEffects(for: manifest)
    let known = try await buckets(for: caller)
    for bucket in manifest.buckets {
      guard let present = known.first(where: { $0.bucket.name == bucket.name }) else { continue }
      try present.bucket.requireSameConsistency(as: bucket)
    }
    for bucket in manifest.buckets { try await declareBucket(bucket, by: caller) }
    let names = manifest.buckets.map(\.name)
    if !names.isEmpty {
      progress(
        DeployProgress(
          step: .buckets, module: nil,
          message: "buckets \(names.map(\.text).joined(separator: ", ")) are there"))
    }
    for status in known
    where status.bucket.application == manifest.name && !names.contains(status.bucket.name) {
      let name = status.bucket.name
      progress(
        DeployProgress(
          step: .buckets, module: nil,
          message: "bucket \(name) is not in the manifest any more; it stays, with "
            + "\(status.entries) entries: `wasmatrix state remove \(name)` removes it"))
    }
  }

  /// Whoever is granted effects relies on their being exact.
  private func requireEffects(for manifest: ApplicationManifest) async throws(Problem) {
    let asks = manifest.modules.contains { !$0.configuration.capabilities.granted.isEmpty }
    guard asks else { return }
    let capabilities = try await bus.use { (stores) async throws(Problem) in
      try await stores.log.capabilities
    }
    guard capabilities.effectsWithAcknowledgement else {
      throw Problem(
        .refused, code: "capability_unsupported",
        "this event log cannot make effects durable with the acknowledgement of their event",
        next: "Leave capabilities out, or use the embedded event log.")
    }
  }
}
