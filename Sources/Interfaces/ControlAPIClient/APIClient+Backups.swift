public import ClusterModel
public import ControlAPIModel
internal import NIOHTTP1

extension APIClient {
  /// How long copying everything may take.
  public static let backupTimeout = Duration.seconds(3600)

  /// Copies everything durable.
  public func makeBackup() async throws(Problem) -> BackupResource {
    var call = Call(method: .POST, path: ["v1", "backups"])
    call.timeout = Self.backupTimeout
    return try await value(BackupResource.self, of: call)
  }

  /// Bytes of a file of a copy: at most 4 MiB from an offset on, none at its end.
  public func readBackup(
    _ id: String, file name: String, from offset: Int
  ) async throws(Problem) -> [UInt8] {
    let answer = try await answer(
      to: Call(
        path: ["v1", "backups", id, "file"], query: [("name", name), ("offset", String(offset))]))
    guard answer.isSuccess else { throw problem(of: answer).problem }
    return answer.body
  }

  /// Gives back the room that a copy takes.
  public func removeBackup(_ id: String) async throws(Problem) {
    try await success(of: Call(method: .DELETE, path: ["v1", "backups", id]))
  }
}
