import ClusterModel
import Foundation
import LocalSystem
import ProcessTesting
import Testing

struct AtomicFileTests {
  private let path = ScratchFolder.path("atomic")

  private func mode() throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func `a new file gets the permissions that were asked for`() throws {
    try AtomicFile.write([1], to: path, mode: 0o600, existing: .refuse)
    #expect(try mode() == 0o600)
    #expect(FileManager.default.contents(atPath: path) == Data([1]))
  }

  @Test func `a replaced file keeps its permissions`() throws {
    try AtomicFile.write([1], to: path, mode: 0o640, existing: .refuse)
    try AtomicFile.write([2], to: path, mode: 0o600, existing: .replace)
    #expect(try mode() == 0o640)
    #expect(FileManager.default.contents(atPath: path) == Data([2]))
  }

  @Test func `a file that must not be replaced stays, and nothing is left beside it`() throws {
    try AtomicFile.write([1], to: path, mode: 0o600, existing: .refuse)
    let problem = #expect(throws: Problem.self) {
      try AtomicFile.write([2], to: path, mode: 0o600, existing: .refuse)
    }
    #expect(problem?.code == "file_exists")
    #expect(FileManager.default.contents(atPath: path) == Data([1]))
    let file = URL(filePath: path)
    let beside = try FileManager.default.contentsOfDirectory(
      atPath: file.deletingLastPathComponent().path)
    let name = file.lastPathComponent
    #expect(beside.filter { $0.hasPrefix(name) } == [name])
  }
}
