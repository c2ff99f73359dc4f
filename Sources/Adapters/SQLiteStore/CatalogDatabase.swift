public import ClusterModel
public import DurableSQLite
import Foundation
import GRDB
public import HostPorts

/// Versions, deployments and their history, keys, nodes, terms, tokens and security events in
/// `catalog.sqlite`. Each record is one JSON text beside the columns that find it.
public final class CatalogDatabase: CatalogStore {
  let database: DurableDatabase

  /// The most security events of one answer.
  private static let maximumAnswer = 10_000

  /// Opens (and makes) the catalog of a data folder. Blocks: for the start of a program.
  ///
  /// - Throws: what ``DurableDatabase`` throws.
  public init(in folder: DataFolder) throws(Problem) {
    database = try DurableDatabase(path: folder.path + "/catalog.sqlite", format: Self.format)
  }

  /// The application id spells "WMct".
  private static let format = DatabaseFormat(
    applicationID: 0x574d_6374,
    migrations: [
      { database in
        try database.execute(
          sql: """
            CREATE TABLE versions (
              namespace TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
              digest TEXT NOT NULL, ordinal INTEGER NOT NULL, record TEXT NOT NULL,
              PRIMARY KEY (namespace, name, version)) STRICT;
            CREATE TABLE deployments (
              namespace TEXT NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL,
              PRIMARY KEY (namespace, name)) STRICT;
            CREATE TABLE keys (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;
            CREATE TABLE security_events (
              sequence INTEGER NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;
            """)
      },
      { database in
        // What is deployed now is the beginning of the history.
        try database.execute(
          sql: """
            CREATE TABLE deployment_history (
              namespace TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL,
              record TEXT NOT NULL, PRIMARY KEY (namespace, name, generation)) STRICT;
            INSERT INTO deployment_history
              SELECT namespace, name, json_extract(record, '$.generation'), record
              FROM deployments;
            CREATE TABLE nodes (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;
            CREATE TABLE terms (term INTEGER NOT NULL PRIMARY KEY) STRICT;
            """)
      },
      { database in
        // A node that was forgotten and never joined has no record.
        try database.execute(
          sql: """
            CREATE TABLE user_tokens (
              name TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;
            CREATE TABLE join_tokens (
              name TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL) STRICT;
            CREATE TABLE enrolled_nodes (
              id TEXT NOT NULL PRIMARY KEY, record TEXT, is_forgotten INTEGER NOT NULL) STRICT;
            """)
      },
    ])

  public func load() async throws(Problem) -> CatalogSnapshot {
    try await database.read { database in
      CatalogSnapshot(
        versions: try Self.records(
          database, "SELECT record FROM versions ORDER BY namespace, name, ordinal"),
        deployments: try Self.records(
          database, "SELECT record FROM deployments ORDER BY namespace, name"),
        history: try Self.records(
          database,
          "SELECT record FROM deployment_history ORDER BY namespace, name, generation"),
        keys: try Self.records(database, "SELECT record FROM keys ORDER BY id"),
        nodes: try Self.records(database, "SELECT record FROM nodes ORDER BY id"),
        term: UInt64(
          clamping: try Int64.fetchOne(database, sql: "SELECT MAX(term) FROM terms") ?? 0))
    }
  }

  public func persist(_ changes: [CatalogChange]) async throws(Problem) {
    try await database.write { database in
      for change in changes { try Self.apply(change, database) }
    }
  }

  public func securityEvents(
    from sequence: Int64, limit: Int
  ) async throws(Problem) -> [SequencedSecurityEvent] {
    try await database.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT sequence, record FROM security_events
          WHERE sequence >= ? ORDER BY sequence LIMIT ?
          """, arguments: [sequence, max(0, min(limit, Self.maximumAnswer))]
      ).map { row in
        SequencedSecurityEvent(
          sequence: try row.decode(atIndex: 0),
          event: try Self.decode(row.decode(atIndex: 1)))
      }
    }
  }

  public func close() async throws(Problem) { try await database.close() }

  private static func apply(_ change: CatalogChange, _ database: Database) throws {
    switch change {
    case .addVersion(let record): try add(record, database)
    case .putDeployment(let deployment):
      try database.execute(
        sql: "INSERT OR REPLACE INTO deployments VALUES (?, ?, ?)",
        arguments: [
          deployment.namespace.text, deployment.name.text, try encode(deployment),
        ])
      try database.execute(
        sql: "INSERT OR REPLACE INTO deployment_history VALUES (?, ?, ?, ?)",
        arguments: [
          deployment.namespace.text, deployment.name.text, deployment.generation,
          try encode(deployment),
        ])
    case .removeDeployment(let namespace, let name):
      try database.execute(
        sql: "DELETE FROM deployments WHERE namespace = ? AND name = ?",
        arguments: [namespace.text, name.text])
    case .putKey(let key):
      try database.execute(
        sql: "INSERT OR REPLACE INTO keys VALUES (?, ?)",
        arguments: [key.id.text, try encode(key)])
    case .appendSecurityEvent(let event): try append(event, database)
    case .putNode(let node):
      try database.execute(
        sql: "INSERT OR REPLACE INTO nodes VALUES (?, ?)",
        arguments: [node.registration.node.text, try encode(node)])
    case .removeNode(let node):
      try database.execute(sql: "DELETE FROM nodes WHERE id = ?", arguments: [node.text])
      try forget(node, database)
    case .raiseTerm(let term):
      try database.execute(
        sql: "INSERT OR REPLACE INTO terms VALUES (?)", arguments: [Int64(clamping: term)])
    }
  }

  static func append(_ event: SecurityEvent, _ database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO security_events
        SELECT COALESCE(MAX(sequence) + 1, 0), ? FROM security_events
        """, arguments: [try encode(event)])
  }

  /// Adding what is there is fine; under the same name there is never anything else.
  private static func add(_ record: ModuleVersionRecord, _ database: Database) throws {
    let there = try String.fetchOne(
      database,
      sql: "SELECT digest FROM versions WHERE namespace = ? AND name = ? AND version = ?",
      arguments: [record.namespace.text, record.name.text, record.version.text])
    if let there {
      guard there == record.digest.text else {
        throw Problem(
          .conflict, code: "version_exists",
          "\(record.name)@\(record.version) is in the registry with other code",
          next: "Versions never change: push under a new one.")
      }
      return
    }
    try database.execute(
      sql: """
        INSERT INTO versions SELECT ?, ?, ?, ?, COALESCE(MAX(ordinal) + 1, 0), ? FROM versions
        WHERE namespace = ? AND name = ?
        """,
      arguments: [
        record.namespace.text, record.name.text, record.version.text, record.digest.text,
        try encode(record), record.namespace.text, record.name.text,
      ])
  }

  static func records<Record: Decodable>(
    _ database: Database, _ sql: String
  ) throws -> [Record] {
    try Row.fetchAll(database, sql: sql).map { try decode($0.decode(atIndex: 0)) }
  }

  static func encode(_ record: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(record), as: UTF8.self)
  }

  static func decode<Record: Decodable>(_ text: String) throws -> Record {
    try JSONDecoder().decode(Record.self, from: Data(text.utf8))
  }
}
