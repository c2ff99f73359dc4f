public import ClusterModel
import Dispatch
public import ModuleTrust

/// Verifies signatures on threads of its own: hashing a large module takes long enough to hold up
/// everything else that runs on Swift's few cooperative threads.
public final class VerifierPool: Sendable {
  private let queue = DispatchQueue(label: "verifier")

  public init() {}

  /// See `SignatureVerifier.verify`.
  public func verify(
    _ module: [UInt8], detached: [UInt8]?, keys: [TrustedKey]
  ) async throws(TrustFailure) -> VerifiedModule {
    let result: Result<VerifiedModule, TrustFailure> = await withCheckedContinuation {
      continuation in
      queue.async {
        continuation.resume(
          returning: Result { () throws(TrustFailure) in
            try SignatureVerifier.verify(module, detached: detached, keys: keys)
          })
      }
    }
    return try result.get()
  }

  /// Returns when what was asked for is done.
  public func drain() async {
    await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
  }
}
