public import ClusterModel

/// Keeps what the control plane must not forget: versions, deployments, keys, security events.
/// Every method that changes something returns only when the change would survive a power cut.
public protocol CatalogStore: Sendable {
  /// Everything there is, read once at start.
  func load() async throws(Problem) -> CatalogSnapshot
  /// Makes the changes durable, all of them or none.
  func persist(_ changes: [CatalogChange]) async throws(Problem)
  /// Security events from `sequence` on, oldest first, at most `limit`.
  func securityEvents(from sequence: Int64, limit: Int) async throws(Problem)
    -> [SequencedSecurityEvent]
  /// Closes the store; later calls fail.
  func close() async throws(Problem)
}

/// The bytes of modules, by what they are.
public protocol BlobStore: Sendable {
  /// Keeps the bytes; returns when they would survive a power cut. Keeping what is there is free.
  func put(_ bytes: [UInt8], digest: ModuleDigest) async throws(Problem)
  /// - Throws: ``Problem`` with `blob_missing`, or `blob_corrupt` when the bytes on disk are no
  ///   longer what their name says.
  func get(_ digest: ModuleDigest) async throws(Problem) -> [UInt8]
}
