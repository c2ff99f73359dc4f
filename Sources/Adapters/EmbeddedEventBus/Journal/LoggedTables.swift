import ClusterModel
import Dispatch
import DurableSQLite
import GRDB
import Synchronization

/// The tables of the event log, and what of the journal is not in them yet. A transaction puts that into them
/// before it does anything else, so that whoever reads what it sees sees everything that was accepted.
struct LoggedTables: Sendable {
  typealias Body = @Sendable (inout EventWriter) throws -> Void

  let database: DurableDatabase
  let report: DamageReport
  let deduplication: DeduplicationWindow?
  /// The number that the log got when it was made; see ``JournalFrame``.
  let log: UInt64
  let backlog = Backlog()
  private let settled = SettledTotals()

  /// Something that a transaction leaves for whoever waits for its end.
  private final class Left<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
  }

  func writer(_ database: Database) -> EventWriter {
    EventWriter(database: database, report: report, settled: settled)
  }

  /// Brings the tables up to date, if they are not; returns when that is durable. Blocks: for the thread of
  /// the sequencer.
  func catchUp() throws(Problem) {
    if backlog.isEmpty { return }
    try write { _ in }
  }

  /// Brings the tables up to date and does something in the same transaction. Blocks.
  func write(_ body: @escaping Body) throws(Problem) {
    _ = try transact([body])[0].get()
  }

  /// Does several things in as few transactions as possible, each undone alone when it fails. Blocks until all
  /// of it is durable.
  func transact(_ bodies: [Body]) -> [Result<LogChanges, Problem>] {
    let done = DispatchSemaphore(value: 0)
    let results = bodies.map { _ in Left<Result<LogChanges, Problem>>() }
    for (body, result) in zip(bodies, results) {
      let left = Left<(LogChanges, UInt64)>()
      database.submit(
        { database in
          let number = try writer(database).catchUp(with: backlog, isSynced: true)
          var writer = writer(database)
          try body(&writer)
          left.value.withLock { $0 = (writer.changes, number) }
        },
        finish: { problem in
          if let problem {
            settled.forget()
            result.value.withLock { $0 = .failure(problem) }
          } else if let (changes, number) = left.value.withLock({ $0 }) {
            backlog.forget(through: number, isSynced: true)
            result.value.withLock { $0 = .success(changes) }
          }
          done.signal()
        })
    }
    for _ in bodies { done.wait() }
    return results.map { result in
      guard let result = result.value.withLock({ $0 }) else {
        preconditionFailure("a transaction that has ended has a result")
      }
      return result
    }
  }

  /// Lets the tables follow when much is due, while others publish. When that fails, whoever needs it hears
  /// of it: the next one who reads, and who publishes when too much waits.
  ///
  /// - Parameter isSynced: whether a file of the journal waits for it. Else it need not be on the disk: the
  ///   journal is.
  func followWhenDue(isSynced: Bool) {
    guard backlog.beginFollowing() else { return }
    writeLater({ _ in }, isSynced: isSynced, finish: { backlog.endFollowing() })
  }

  /// Brings the tables up to date and does something in the same transaction, some time later, for upkeep:
  /// nobody waits, and a failure is forgotten.
  ///
  /// - Parameter isSynced: whether it has to be there after a power cut.
  func writeLater(
    _ body: @escaping @Sendable (EventWriter) throws -> Void, isSynced: Bool = false,
    finish: @escaping @Sendable () -> Void = {}
  ) {
    let reached = Left<UInt64>()
    database.submit(
      isSynced: isSynced,
      { database in
        let writer = writer(database)
        let number = try writer.catchUp(with: backlog, isSynced: isSynced)
        try body(writer)
        reached.value.withLock { $0 = number }
      },
      finish: { problem in
        if problem == nil, let number = reached.value.withLock({ $0 }) {
          backlog.forget(through: number, isSynced: isSynced)
        } else {
          settled.forget()
        }
        finish()
      })
  }

  /// What `body` reads when everything that was accepted is in the tables. They need not be on the disk for
  /// that: the journal is.
  ///
  /// - Parameter isBrief: it may be read by the writer, who does nothing else meanwhile.
  func read<Value: Sendable>(
    isBrief: Bool = false, _ body: @escaping @Sendable (EventReader) throws -> Value
  ) async throws(Problem) -> Value {
    let report = report
    let reading: @Sendable (Database) throws -> Value = {
      try body(EventReader(database: $0, report: report))
    }
    guard !backlog.isEmpty else { return try await database.read(reading) }
    let (number, value): (UInt64, Value?)
    do throws(Problem) {
      (number, value) = try await database.writeUnsynced { database in
        let number = try writer(database).catchUp(with: backlog, isSynced: false)
        return (number, isBrief ? try reading(database) : nil)
      }
    } catch {
      settled.forget()
      guard error.category == .unavailable else { throw error }
      // There is no room on the disk for it, but there is in memory.
      return try await database.readUndone { database in
        defer { settled.forget() }
        _ = try writer(database).catchUp(with: backlog, isSynced: false)
        return try reading(database)
      }
    }
    backlog.forget(through: number, isSynced: false)
    if let value { return value }
    return try await database.read(reading)
  }

  /// What the tables and the backlog say. Blocks.
  func loadIndex() throws(Problem) -> LogIndex {
    let done = DispatchSemaphore(value: 0)
    let result = Left<Result<LogIndex, Problem>>()
    let window = deduplication
    Task {
      do throws(Problem) {
        let index = try await read { try $0.index(window) }
        result.value.withLock { $0 = .success(index) }
      } catch {
        result.value.withLock { $0 = .failure(error) }
      }
      done.signal()
    }
    done.wait()
    guard let index = result.value.withLock({ $0 }) else {
      preconditionFailure("a read that has ended has a result")
    }
    return try index.get()
  }
}
