import ClusterModel
import LocalSystem
import ProcessTesting
import Testing

@testable import wasmatrix

struct VersionNamingTests {
  private let path = ScratchFolder.path("naming") + ".wasm"
  private let digits = "93a44bbb96c7"

  private func module() throws -> ModuleFile {
    try AtomicFile.write(
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], to: path, mode: 0o644, existing: .replace)
    return try ModuleFile(path: path)
  }

  @Test func `a release keeps the declared version`() throws {
    let version = try VersionNaming.release.version(of: module(), declared: ModuleVersion("1.2"))
    #expect(version.text == "1.2")
  }

  @Test func `a release without a version is named by its digest`() throws {
    let version = try VersionNaming.release.version(of: module(), declared: nil)
    #expect(version.text == "0.0.0-\(digits)")
  }

  @Test func `a development version is told apart by its digest`() throws {
    let version = try VersionNaming.development.version(
      of: module(), declared: ModuleVersion("1.2"))
    #expect(version.text == "1.2-dev.\(digits)")
  }

  @Test func `a name that would be too long is refused`() throws {
    let module = try module()
    let declared = try ModuleVersion(String(repeating: "1", count: 100))
    #expect(throws: Problem.self) {
      try VersionNaming.development.version(of: module, declared: declared)
    }
  }
}
