import ClusterModel
import EventLoops
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import SwiftASN1
import Synchronization
import X509

/// A node, by the certificate that it showed when its connection was opened.
struct ShownNode: Sendable {
  let node: NodeID
  /// DER.
  let certificate: [UInt8]
  /// The connection may outlive it.
  let expiresAt: Date
}

// Who asks, and whether it still may.
extension AttachService {
  /// The node that shows its certificate.
  func peer(_ context: ServerContext) async throws -> ShownNode {
    let transport = context.transportSpecific as? HTTP2ServerTransport.Posix.Context
    guard let certificate = transport?.peerCertificate else {
      throw RPCError(code: .unauthenticated, message: "there is no certificate")
    }
    var serializer = DER.Serializer()
    try serializer.serialize(certificate)
    let bytes = serializer.serializedBytes
    do throws(Problem) {
      let node = try await elsewhere { () throws(Problem) in try await admit(bytes) }
      connections.keep(context.remotePeer, of: node.text)
      return ShownNode(node: node, certificate: bytes, expiresAt: certificate.notValidAfter)
    } catch {
      throw Self.refusal(error)
    }
  }

  /// Where nobody can look at the moment, that says nothing of the node, which comes again.
  private static func refusal(_ problem: Problem) -> RPCError {
    RPCError(
      code: problem.category == .unavailable ? .unavailable : .unauthenticated,
      message: "\(problem)")
  }

  func attached(
    _ metadata: Metadata, _ context: ServerContext
  ) async throws -> RemoteAgent {
    let node = try await peer(context).node
    let session = metadata[stringValues: WireGreeting.sessionKey].first { _ in true }
    guard let session, let agent = agents.withLock({ $0.bySession[session] }),
      agent.node == node
    else {
      throw RPCError(code: .failedPrecondition, message: "node \(node) is not attached")
    }
    return agent
  }

  /// Looks whether a node that was let in would still be: it may have been forgotten since.
  ///
  /// - Returns: `false` when nobody can look at the moment, which is held against no node.
  /// - Throws: when it would not.
  func mayStay(_ shown: ShownNode) async throws -> Bool {
    do throws(Problem) {
      _ = try await elsewhere { () throws(Problem) in try await admit(shown.certificate) }
      return true
    } catch {
      guard error.category == .refused else { return false }
      logger.notice(
        "an agent is hung up on, as its node is let in no more",
        metadata: ["node": "\(shown.node)", "problem": "\(error)"])
      throw Self.refusal(error)
    }
  }

  /// How often it is looked whether a node may go on over a connection whose certificate has expired. It
  /// may renew for days after that, so that it does not matter much when.
  private static let lookInterval = Duration.seconds(3600)

  /// Until the node may be attached no more, or the task is cancelled; then it throws.
  func watchStanding(of shown: ShownNode) async throws {
    var hasLooked = false
    while true {
      // What has expired by the time it is attached is looked at soon.
      let left = max(Duration.seconds(shown.expiresAt.timeIntervalSinceNow), .seconds(1))
      let wait = hasLooked ? Self.lookInterval : min(left, Self.lookInterval)
      // So that those that attached together are not looked at together.
      try await Task.sleep(for: wait * Double.random(in: 1...1.5))
      guard shown.expiresAt <= .now else { continue }
      // When nobody can look it is looked again.
      _ = try await mayStay(shown)
      hasLooked = true
    }
  }
}
