import ClusterModel
import Crypto

/// Writes and reads the datagrams of one session, for one of its ends. All numbers are little-endian.
///
///     0   4  magic "WMHB"
///     4   1  version: 1; another one is not understood
///     5   1  kind
///     6   2  length of the body
///     8  16  session
///    24   n  body; what follows the fields that are known is of a newer minor version and is skipped
///  24+n  16  the first half of HMAC-SHA256, with the key of the session, of one byte for the end that
///            sends it and of everything before
///
/// A datagram that comes back to its sender is none of the other end, because that byte differs.
public struct DatagramCoder: Sendable {
  /// No datagram is longer: it fits into any network's packet, and buffers for many take little.
  public static let largest = 200
  static let magic: UInt32 = 0x4248_4d57
  static let version: UInt8 = 1
  static let headerSize = 24
  static let codeSize = 16
  /// The shortest there is.
  public static let smallest = headerSize + 8 + codeSize

  public let session: HeartbeatSession
  private let side: HeartbeatSide
  private let key: SymmetricKey

  /// - Parameter side: the end that writes with this, and reads what the other one wrote.
  public init(_ session: HeartbeatSession, as side: HeartbeatSide) {
    self.session = session
    self.side = side
    key = SymmetricKey(data: session.key.bytes)
  }

  /// The session that a datagram says it belongs to, looked at before anything dear is done.
  ///
  /// - Throws: ``DatagramRefusal``, when it cannot be a datagram of ours.
  public static func session(of bytes: ArraySlice<UInt8>) throws(DatagramRefusal)
    -> HeartbeatSessionID
  {
    guard (smallest...largest).contains(bytes.count) else { throw .size }
    var header = ByteFields(bytes.prefix(8))
    guard header.number(UInt32.self) == magic, header.number(UInt8.self) == version,
      header.number(UInt8.self) != nil
    else { throw .foreign }
    guard header.number(UInt16.self).map(Int.init) == bytes.count - headerSize - codeSize,
      let id = try? HeartbeatSessionID(bytes.dropFirst(8).prefix(HeartbeatSessionID.size))
    else { throw .size }
    return id
  }

  /// Writes a datagram. Heartbeats, acknowledgements and notices are of the incarnation of the session.
  public func encode(_ datagram: HeartbeatDatagram) -> [UInt8] {
    encode(kind: Kind(datagram), body: datagram.body)
  }

  func encode(kind: Kind, body: [UInt8]) -> [UInt8] {
    encode(kind: kind.rawValue, body: body)
  }

  func encode(kind: UInt8, body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.headerSize + body.count + Self.codeSize)
    bytes.append(number: Self.magic)
    bytes.append(Self.version)
    bytes.append(kind)
    bytes.append(number: UInt16(body.count))
    bytes += session.id.bytes
    bytes += body
    bytes += code(of: bytes[...], from: side)
    return bytes
  }

  /// Reads a datagram of the other end.
  ///
  /// - Throws: ``DatagramRefusal``.
  public func decode(_ bytes: ArraySlice<UInt8>) throws(DatagramRefusal) -> HeartbeatDatagram {
    guard try Self.session(of: bytes) == session.id else { throw .session }
    let signed = bytes.dropLast(Self.codeSize)
    guard isSame(code(of: signed, from: side.other), bytes.suffix(Self.codeSize)) else {
      throw .unauthentic
    }
    guard let kind = Kind(rawValue: signed[signed.startIndex + 5]), kind.isSent(by: side.other)
    else { throw .kind }
    var fields = ByteFields(signed.dropFirst(Self.headerSize))
    guard let datagram = kind.datagram(&fields, session) else { throw .content }
    return datagram
  }

  private func code(of bytes: ArraySlice<UInt8>, from side: HeartbeatSide) -> ArraySlice<UInt8> {
    var code = HMAC<SHA256>(key: key)
    code.update(data: [side.rawValue])
    code.update(data: bytes)
    return Array(code.finalize()).prefix(Self.codeSize)
  }

  /// In the same time wherever they differ.
  private func isSame(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
    var difference: UInt8 = 0
    for (left, right) in zip(left, right) { difference |= left ^ right }
    return difference == 0 && left.count == right.count
  }
}
