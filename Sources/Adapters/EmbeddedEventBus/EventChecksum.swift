import ClusterModel
import Crypto
import Foundation
import GRDB
import HostPorts
import Synchronization

/// What shows that a row of the event log is not as it was written. SQLite notices damage to its own structure,
/// not to what is stored in it.
///
/// In the column stand 9 bytes: how it is summed, and a ``DamageSum``. Rows of earlier releases have 8 bytes of
/// the SHA-256 of what is in them, or none, and are read as before.
enum EventChecksum {
  static let migration: @Sendable (Database) throws -> Void = { database in
    try database.execute(
      sql: """
        ALTER TABLE events ADD COLUMN checksum BLOB;
        ALTER TABLE deliveries ADD COLUMN checksum BLOB;
        """)
  }

  private static let way: UInt8 = 1
  private static let lengthOfDigests = 8

  static func column(_ sum: DamageSum) -> Data {
    // The way is the last byte of the first word.
    withUnsafeBytes(of: (UInt64(way).bigEndian, sum.value.littleEndian)) { Data($0[7...]) }
  }

  /// - Parameters:
  ///   - sum: of what is in the row.
  ///   - digest: the same as an earlier release did it.
  /// - Throws: ``DamagedRow`` when a row is not as it was written.
  static func check(
    _ written: Data?, _ sum: @autoclosure () -> DamageSum, digest: @autoclosure () -> Data
  ) throws(DamagedRow) {
    guard let written else { return }
    let found = written.count == lengthOfDigests ? digest() : column(sum())
    guard written == found else { throw DamagedRow() }
  }

  /// As earlier releases summed a row.
  static func digest(_ fields: String, _ content: some DataProtocol) -> Data {
    var hash = SHA256()
    hash.update(data: Data(fields.utf8))
    hash.update(data: content)
    return Data(hash.finalize().prefix(lengthOfDigests))
  }
}

/// A row that is not as it was written.
struct DamagedRow: Error {}

/// What was found to be damaged since the log was opened.
final class DamageReport: Sendable {
  /// For messages.
  let file: String
  private let found = Mutex(EventLogDamage())

  /// More than anybody reads one by one.
  private static let maximumCount = 1000

  init(file: String) { self.file = file }

  var damage: EventLogDamage { found.withLock { $0 } }

  /// - Returns: the problem of whoever wanted to read it.
  func note(_ offset: EventOffset) -> Problem {
    found.withLock { found in
      if found.events.count < Self.maximumCount { found.events.insert(offset) }
    }
    return problem("event \(offset)")
  }

  @discardableResult
  func note(_ delivery: DeliveryID) -> Problem {
    found.withLock { found in
      if found.deliveries.count < Self.maximumCount { found.deliveries.insert(delivery) }
    }
    return problem("delivery \(delivery)")
  }

  private func problem(_ subject: String) -> Problem {
    Problem(
      .internalFault, code: "data_corrupt", "\(subject) in \(file) is damaged",
      cause: "its checksum is not that of what is there",
      next: "Go on without it, or restore the data folder from a backup.")
  }
}
