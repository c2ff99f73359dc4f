public import ClusterModel
public import DurableSQLite
import Foundation
import GRDB
public import HostPorts
import Synchronization

/// The outbox of a node in `outbox.sqlite` of its data folder: committed means synced, and appends that wait
/// together share a sync.
public final class OutboxDatabase: Outbox {
  private let database: DurableDatabase
  private let capacity: ByteCount
  private let content: Mutex<OutboxUsage>

  /// What it takes when nothing else is said: a day of a few events a second.
  public static let defaultCapacity = ByteCount.mebibytes(256)
  /// Events that it takes, however small they are.
  static let mostEvents = 1_000_000
  /// What is read at a time, but for one event, which may be longer.
  static let readBytes = 8 << 20
  /// After how long it is worth trying again when there is no room.
  private static let patience = Duration.seconds(5)

  /// Opens it, and makes it at the first start. Blocks: for the start of a program.
  ///
  /// - Parameter capacity: what the events in it may take together.
  /// - Throws: ``Problem`` `data_corrupt`, `data_newer`, or what the disk says.
  public init(in folder: DataFolder, capacity: ByteCount = defaultCapacity) throws(Problem) {
    self.capacity = capacity
    database = try DurableDatabase(
      path: folder.path + "/outbox.sqlite",
      format: DatabaseFormat(applicationID: 0x774d_6f62, migrations: [OutboxRow.makeTable]))
    content = Mutex(
      try database.writeAtStart { database in
        let row = try Row.fetchOne(
          database, sql: "SELECT count(*), coalesce(sum(bytes), 0) FROM outbox")
        let (events, bytes): (Int, Int) = (row?[0] ?? 0, row?[1] ?? 0)
        return OutboxUsage(events: events, bytes: ByteCount(bytes: bytes))
      })
  }

  public var usage: OutboxUsage { content.withLock { $0 } }

  public func append(_ events: [Event]) async throws(Problem) {
    let rows = events.map { OutboxRow($0) }
    let size = rows.reduce(0) { $0 + $1.bytes }
    // Its room is taken before it is written, so that many at once do not take more than there is.
    let hasRoom = content.withLock { content in
      guard content.events + rows.count <= Self.mostEvents,
        content.bytes.bytes + size <= capacity.bytes
      else { return false }
      content.events += rows.count
      content.bytes = ByteCount(bytes: content.bytes.bytes + size)
      return true
    }
    guard hasRoom else {
      throw Problem(
        .overloaded, code: "outbox_full",
        "this node has no room for more events until the control plane has taken some",
        next: "Slow down and try again; give the node more with --outbox-mebibytes.",
        retryAfter: Self.patience)
    }
    do throws(Problem) {
      try await database.write(cost: ByteCount(bytes: size)) { database in
        for row in rows { try row.insert(into: database) }
      }
    } catch {
      release(events: rows.count, bytes: size)
      throw error
    }
  }

  public func handled(
    _ number: Int64, by module: ModuleName, publishing events: [Event]
  ) async throws(Problem) {
    let rows = events.map { OutboxRow($0) }
    let size = rows.reduce(0) { $0 + $1.bytes }
    let isThere = try await database.write(cost: ByteCount(bytes: size)) { database in
      guard
        let there = try Row.fetchOne(
          database, sql: "SELECT handled_by FROM outbox WHERE number = ?", arguments: [number])
      else { return false }
      let modules = try OutboxRow.modules(in: there["handled_by"]).union([module])
      try database.execute(
        sql: "UPDATE outbox SET handled_by = ? WHERE number = ?",
        arguments: [modules.map(\.text).sorted().joined(separator: " "), number])
      for row in rows { try row.insert(into: database) }
      return true
    }
    guard isThere else { return }
    content.withLock { content in
      content.events += rows.count
      content.bytes = ByteCount(bytes: content.bytes.bytes + size)
    }
  }

  public func oldest(after number: Int64, limit: Int) async throws(Problem) -> [OutboxEvent] {
    try await database.read { database in
      var found: [OutboxEvent] = []
      var bytes = 0
      let rows = try Row.fetchCursor(
        database, sql: "SELECT * FROM outbox WHERE number > ? ORDER BY number LIMIT ?",
        arguments: [number, limit])
      while let row = try rows.next() {
        bytes += row["bytes"] as Int
        guard bytes <= Self.readBytes || found.isEmpty else { break }
        found.append(
          OutboxEvent(
            number: row["number"], event: try OutboxRow.event(in: row),
            handledBy: try OutboxRow.modules(in: row["handled_by"])))
      }
      return found
    }
  }

  public func forget(through number: Int64) async throws(Problem) {
    let (events, bytes) = try await database.write { database -> (Int, Int) in
      let row = try Row.fetchOne(
        database,
        sql: "SELECT count(*), coalesce(sum(bytes), 0) FROM outbox WHERE number <= ?",
        arguments: [number])
      try database.execute(sql: "DELETE FROM outbox WHERE number <= ?", arguments: [number])
      return (row?[0] ?? 0, row?[1] ?? 0)
    }
    release(events: events, bytes: bytes)
  }

  public func close() async throws(Problem) { try await database.close() }

  private func release(events: Int, bytes: Int) {
    content.withLock { content in
      content.events -= events
      content.bytes = ByteCount(bytes: content.bytes.bytes - bytes)
    }
  }
}

/// An event as a row of the outbox.
struct OutboxRow: Sendable {
  private let event: Event
  private let extensions: String
  /// What it counts for.
  let bytes: Int

  /// Numbers are never given twice, so that a late acknowledgement forgets nothing that came after it.
  static let makeTable: DatabaseFormat.Migration = { database in
    try database.execute(
      sql: """
        CREATE TABLE outbox (
          number INTEGER PRIMARY KEY AUTOINCREMENT,
          bytes INTEGER NOT NULL,
          namespace TEXT NOT NULL,
          id TEXT NOT NULL,
          source TEXT NOT NULL,
          type TEXT NOT NULL,
          topic TEXT NOT NULL,
          subject TEXT,
          time INTEGER,
          content_type TEXT,
          data_schema TEXT,
          extensions TEXT NOT NULL,
          data BLOB NOT NULL,
          handled_by TEXT NOT NULL DEFAULT ''
        ) STRICT;
        """)
  }

  init(_ event: Event) {
    self.event = event
    // Names and values of texts: that never fails.
    let json = (try? JSONEncoder().encode(event.extensions)) ?? Data("[]".utf8)
    extensions = String(decoding: json, as: UTF8.self)
    bytes = event.footprint.bytes
  }

  func insert(into database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO outbox (bytes, namespace, id, source, type, topic, subject, time, content_type, data_schema,
          extensions, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        bytes, event.namespace.text, event.id, event.source, event.type, event.topic.text,
        event.subject, event.time?.microseconds, event.dataContentType, event.dataSchema,
        extensions, Data(event.data),
      ])
  }

  /// Names of modules, with blanks between them.
  static func modules(in text: String) throws -> Set<ModuleName> {
    Set(try text.split(separator: " ").map { try ModuleName(String($0)) })
  }

  /// - Throws: what is not as it was written.
  static func event(in row: Row) throws -> Event {
    Event(
      id: row["id"], source: row["source"], type: row["type"], topic: try Topic(row["topic"]),
      namespace: try Namespace(row["namespace"]), subject: row["subject"],
      time: (row["time"] as Int64?).map { WallInstant(microseconds: $0) },
      dataContentType: row["content_type"], dataSchema: row["data_schema"],
      extensions: try JSONDecoder().decode(
        [Event.Attribute].self, from: Data((row["extensions"] as String).utf8)),
      data: [UInt8](row["data"] as Data))
  }
}
