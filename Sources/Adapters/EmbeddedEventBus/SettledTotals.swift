import GRDB
import Synchronization

/// How many events nothing keeps any more, and their bytes: counted once, then kept up with each transaction.
final class SettledTotals: Sendable {
  struct Totals {
    var events: Int
    var bytes: Int
  }

  private let known = Mutex<Totals?>(nil)

  func totals(_ database: Database) throws -> Totals {
    if let totals = known.withLock({ $0 }) { return totals }
    let row = try Row.fetchOne(
      database, sql: "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM settled")
    guard let row else { return Totals(events: 0, bytes: 0) }
    let totals = Totals(
      events: try row.decode(atIndex: 0), bytes: try row.decode(atIndex: 1))
    known.withLock { $0 = totals }
    return totals
  }

  func add(_ events: Int, bytes: Int) {
    known.withLock { totals in
      totals?.events += events
      totals?.bytes += bytes
    }
  }

  /// A transaction was undone: it is to be counted anew.
  func forget() { known.withLock { $0 = nil } }
}
