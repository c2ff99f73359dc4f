public import ClusterModel
import DurableSQLite
import GRDB
public import HostPorts

// Tokens, and the nodes that joined.
extension CatalogDatabase: AccessStore {
  public func access(of node: NodeID?) async throws(Problem) -> AccessSnapshot {
    try await database.read { database in try Self.access(of: node, database) }
  }

  public func changeAccess(
    of node: NodeID?,
    _ decide: @escaping @Sendable (AccessSnapshot) throws(Problem) -> [AccessChange]
  ) async throws(Problem) -> [AccessChange] {
    try await database.write { database in
      let changes = try decide(try Self.access(of: node, database))
      for change in changes { try Self.apply(change, database) }
      return changes
    }
  }

  private static func access(of node: NodeID?, _ database: Database) throws -> AccessSnapshot {
    var snapshot = AccessSnapshot(
      users: try records(database, "SELECT record FROM user_tokens ORDER BY name"),
      joins: try records(database, "SELECT record FROM join_tokens ORDER BY name"))
    guard let node else { return snapshot }
    snapshot.isRegistered =
      try Bool.fetchOne(
        database, sql: "SELECT EXISTS (SELECT 1 FROM nodes WHERE id = ?)", arguments: [node.text])
      ?? false
    let row = try Row.fetchOne(
      database, sql: "SELECT record, is_forgotten FROM enrolled_nodes WHERE id = ?",
      arguments: [node.text])
    if let row {
      let record: String? = try row.decode(atIndex: 0)
      snapshot.node = try record.map { try decode($0) }
      snapshot.isForgotten = try row.decode(atIndex: 1)
    }
    return snapshot
  }

  private static func apply(_ change: AccessChange, _ database: Database) throws {
    switch change {
    case .putUser(let token):
      try database.execute(
        sql: "INSERT OR REPLACE INTO user_tokens VALUES (?, ?)",
        arguments: [token.name.text, try encode(token)])
    case .putJoin(let token):
      try database.execute(
        sql: "INSERT OR REPLACE INTO join_tokens VALUES (?, ?)",
        arguments: [token.name.text, try encode(token)])
    case .removeJoin(let name):
      try database.execute(
        sql: "DELETE FROM join_tokens WHERE name = ?", arguments: [name.text])
    case .putNode(let node):
      try database.execute(
        sql: "INSERT OR REPLACE INTO enrolled_nodes VALUES (?, ?, 0)",
        arguments: [node.node.text, try encode(node)])
    case .forgetNode(let node): try forget(node, database)
    case .appendSecurityEvent(let event): try append(event, database)
    }
  }

  /// Who was forgotten renews nothing: in the same transaction.
  static func forget(_ node: NodeID, _ database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO enrolled_nodes VALUES (?, NULL, 1)
        ON CONFLICT (id) DO UPDATE SET is_forgotten = 1
        """, arguments: [node.text])
  }
}
