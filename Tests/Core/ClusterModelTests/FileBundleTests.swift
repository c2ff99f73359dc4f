import ClusterModel
import PropertyTesting
import Testing

@Suite struct FileBundleTests {
  private static let module: [UInt8] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 2, 1, 0x78]

  private func refusal(_ entries: [FileBundle.Entry]) -> String? {
    do throws(Problem) {
      _ = try FileBundle(entries)
      return nil
    } catch {
      return error.code
    }
  }

  private static let entries = Generator<[FileBundle.Entry]> { choices in
    let names = Generator<String>.element(of: ["a", "b", "c", "d"])
    let bytes = Generator<Int>.int(in: 0...255).map { UInt8($0) }.array(count: 0...300)
    var folders = [""]
    var entries: [FileBundle.Entry] = []
    for _ in 0..<Generator<Int>.int(in: 0...12).generate(&choices) {
      let folder = Generator<String>.element(of: folders).generate(&choices)
      let path = folder + names.generate(&choices)
      guard !entries.contains(where: { $0.path == path }) else { continue }
      let contents = bytes.optional().generate(&choices)
      if contents == nil { folders.append(path + "/") }
      entries.append(FileBundle.Entry(path: path, contents: contents))
    }
    return entries
  }

  @Test func `what is packed is found again, whatever is around it`() async throws {
    try await checkProperty("a bundle reads back as itself", cases: 300, Self.entries) { entries in
      let bundle = try FileBundle(entries)
      let packed = bundle.appended(to: Self.module) + [0, 2, 1, 0x79]
      return try FileBundle.find(in: packed) == bundle
    }
    #expect(try FileBundle.find(in: Self.module) == nil)
    #expect(try FileBundle.find(in: []) == nil)
  }

  @Test func `bytes that are changed or cut off are read or refused, and nothing crashes`()
    async throws
  {
    let changes = zip(
      Self.entries, Generator<Int>.int(in: 0...400), Generator<Int>.int(in: 0...255))
    try await checkProperty("damaged bundles are no crash", cases: 1000, changes) {
      entries, place, byte in
      var packed = try FileBundle(entries).appended(to: Self.module)
      if place < packed.count { packed[place] = UInt8(byte) }
      if place % 3 == 0 { packed = Array(packed.prefix(place)) }
      do throws(Problem) { _ = try FileBundle.find(in: packed) } catch {
        return error.code == "bundle_invalid"
      }
      return true
    }
  }

  @Test func `paths that lead elsewhere, stand twice or come too early are refused`() {
    for path in ["", "/etc", "../x", "a/../x", ".", "a//b", "a/", "x\ny"] {
      #expect(refusal([FileBundle.Entry(path: path, contents: [])]) == "bundle_invalid", "\(path)")
    }
    let file = FileBundle.Entry(path: "a", contents: [])
    #expect(refusal([file, file]) == "bundle_invalid")
    #expect(refusal([file, FileBundle.Entry(path: "a/b", contents: [])]) == "bundle_invalid")
    #expect(refusal([FileBundle.Entry(path: "a/b", contents: [])]) == "bundle_invalid")
    let large = [UInt8](repeating: 0, count: FileBundle.maximumSize.bytes + 1)
    #expect(refusal([FileBundle.Entry(path: "a", contents: large)]) == "bundle_invalid")
  }

  @Test func `a module that is granted files it has not is refused`() {
    let grants = CapabilityGrants(files: FileGrants(bundle: FileGrants.defaultBundlePath))
    #expect(grants.refusal(ofImports: [], hasBundle: false)?.code == "bundle_missing")
    #expect(grants.refusal(ofImports: [], hasBundle: true) == nil)
  }
}
