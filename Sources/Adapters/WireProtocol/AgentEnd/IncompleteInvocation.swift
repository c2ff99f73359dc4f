import ClusterModel
import SwiftProtobuf
import WireMessages

/// An invocation of whose event pieces are missing.
struct IncompleteInvocation: Sendable {
  private var invocation: WireInvocation
  private var missing: UInt64

  /// - Throws: ``WireFault`` when more is to come than a message may have.
  init(_ invocation: WireInvocation) throws(WireFault) {
    guard invocation.followingBytes <= UInt64(WireLimits.message.bytes) else {
      throw WireFault("an event of \(invocation.followingBytes) bytes is announced")
    }
    self.invocation = invocation
    missing = invocation.followingBytes
  }

  /// - Returns: the whole, when this was the last piece.
  /// - Throws: ``WireFault`` when it is more than what is missing, or nothing.
  mutating func take(_ piece: some Sequence<UInt8>) throws(WireFault) -> WireInvocation? {
    let before = invocation.event.data.count
    invocation.event.data.append(contentsOf: piece)
    let count = UInt64(invocation.event.data.count - before)
    guard count > 0, count <= missing else {
      throw WireFault("a piece of \(count) bytes came where \(missing) were missing")
    }
    missing -= count
    guard missing == 0 else { return nil }
    invocation.followingBytes = 0
    return invocation
  }
}
