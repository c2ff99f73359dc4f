import ClusterModel
import DurableSQLite
import Foundation
import Testing

@Suite struct DataFolderTests {
  @Test func `a second program is refused and told who holds the folder`() async throws {
    let temporary = TemporaryFolder()
    let first = try DataFolder(temporary.path)
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == "data_folder_in_use")
    first.release()
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == nil)
    temporary.remove()
  }

  @Test func `a newer format is refused`() async throws {
    let temporary = TemporaryFolder()
    try DataFolder(temporary.path).release()
    try "2\n".write(toFile: temporary.path + "/format", atomically: true, encoding: .utf8)
    #expect(await problemCode { _ = try DataFolder(temporary.path) } == "data_newer")
    temporary.remove()
  }

  @Test func `nobody else can read the folder`() throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path)
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o700)
    temporary.remove()
  }
}
