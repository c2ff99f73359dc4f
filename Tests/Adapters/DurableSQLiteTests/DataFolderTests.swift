import ClusterModel
import DurableSQLite
import Foundation
import Glibc
import StorageTesting
import Testing

@Suite struct DataFolderTests {
  @Test func `a second program is refused and told who holds the folder`() async throws {
    let temporary = TemporaryFolder()
    let first = try DataFolder(temporary.path)
    let refusal = try #require(await problem { _ = try DataFolder(temporary.path) })
    #expect(refusal.code == "data_folder_in_use")
    #expect(refusal.message.contains("process \(getpid())"), "\(refusal)")
    #expect(refusal.category == .conflict)
    first.release()
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == nil)
  }

  @Test func `a released folder is free even while a child has a copy of its lock`() async throws {
    let temporary = TemporaryFolder()
    let first = try DataFolder(temporary.path)
    let lock = try #require(try descriptor(of: temporary.path + "/lock"))
    let copy = dup(lock)
    defer { close(copy) }
    first.release()
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == nil)
  }

  /// The open descriptor of a file of this process.
  private func descriptor(of file: String) throws -> Int32? {
    let real = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    return open.compactMap { Int32($0) }.first { number in
      // A descriptor of another test may be closed by now.
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"))
        == real
    }
  }

  @Test func `a newer format is refused, and both numbers are named`() async throws {
    let temporary = TemporaryFolder()
    try DataFolder(temporary.path).release()
    try "2\n".write(toFile: temporary.path + "/format", atomically: true, encoding: .utf8)
    let refusal = try #require(await problem { _ = try DataFolder(temporary.path) })
    #expect(refusal.code == "data_newer")
    #expect(refusal.message.contains("format 2") && refusal.message.contains("up to 1"))
    #expect(refusal.next != nil)
    let again = try #require(await problem { _ = try DataFolder(temporary.path) })
    #expect(again.code == "data_newer", "the refusal gave the lock back")
  }

  @Test(arguments: ["", "\n", "one\n", "0\n", "-1", String(repeating: "9", count: 5000)])
  func `a format file that names no format is damaged`(text: String) async throws {
    let temporary = TemporaryFolder()
    try DataFolder(temporary.path).release()
    try text.write(toFile: temporary.path + "/format", atomically: true, encoding: .utf8)
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == "data_corrupt")
  }

  @Test func `nobody else can read the folder, and missing parents are made`() throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path + "/a/b//")
    #expect(folder.path == temporary.path + "/a/b")
    for name in ["", "a", "a/b"] { #expect(try temporary.permissions(of: name) == 0o700) }
    for name in ["lock", "format"] {
      #expect(try temporary.permissions(of: "a/b/" + name) == 0o600)
    }
  }

  @Test func `a file in the place of the folder is a clear error`() async throws {
    let temporary = TemporaryFolder()
    try "x".write(toFile: temporary.path, atomically: true, encoding: .utf8)
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == "data_failed")
    #expect(await problemCode { _ = try DataFolder(temporary.path + "/inner") } == "data_failed")
  }
}
