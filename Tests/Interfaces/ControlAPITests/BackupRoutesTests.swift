import ClusterModel
import ControlAPIModel
import NIOHTTP1
import Synchronization
import Testing

@testable import ControlAPIClient

@Suite struct BackupRoutesTests {
  @Test func `a backup is fetched piece by piece, and removed`() async throws {
    try await RunningServer.run { server in
      let backup = try await server.client.makeBackup()
      #expect(backup == server.backups.contents)
      var bytes: [UInt8] = []
      var pieces = 0
      while bytes.count < backup.files[0].sizeBytes {
        bytes += try await server.client.readBackup(
          backup.id, file: backup.files[0].name, from: bytes.count)
        pieces += 1
      }
      #expect(bytes == server.backups.bytes)
      #expect(pieces == 2)
      try await server.client.removeBackup(backup.id)
      #expect(!server.backups.isKept.withLock { $0 })
    }
  }

  @Test func `what is not kept is a problem`() async throws {
    try await RunningServer.run { server in
      do throws(Problem) {
        _ = try await server.client.readBackup("a2", file: "../../etc/passwd", from: 0)
        Issue.record("it was read")
      } catch {
        #expect(error.code == "backup_unknown" && error.category == .notFound)
      }
    }
  }

  @Test func `a file that is not named and a negative offset are refused`() async throws {
    try await RunningServer.run { server in
      let path = ["v1", "backups", "a1", "file"]
      let unnamed = try await server.send(.GET, path)
      #expect(unnamed.status == 400)
      let negative = try await server.send(.GET, path, query: [("name", "x"), ("offset", "-1")])
      #expect(negative.status == 400)
    }
  }
}
