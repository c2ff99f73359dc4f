import CGuestFiles
import Glibc
import PropertyTesting
import Testing

@testable import WasmtimeEngine

@Suite struct PathTests {
  private func path(_ text: String) throws(WASIError) -> GuestPath { try path(Array(text.utf8)) }

  private func path(_ bytes: [UInt8]) throws(WASIError) -> GuestPath {
    let result: Result<GuestPath, WASIError> = bytes.withUnsafeBytes { bytes in
      do throws(WASIError) { return .success(try GuestPath(bytes)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func refusal(_ bytes: [UInt8]) -> Errno? {
    do throws(WASIError) {
      _ = try path(bytes)
      return nil
    } catch {
      return error.number
    }
  }

  @Test func `a path is a folder and the name of an entry, slashes behind it included`() throws {
    let expected = [
      "a": (".", "a"), "a/b": ("a/", "b"), "a//b/": ("a//", "b/"), "../x": ("../", "x"),
      "/x": ("/", "x"), "a/../b": ("a/../", "b"), "a///": (".", "a///"), "..a": (".", "..a"),
    ]
    for (text, (folder, name)) in expected {
      let split = try #require(try path(text).split)
      #expect(split.folder.text == folder && split.name.text == name, "\(text)")
    }
    for text in ["", ".", "..", "/", "//", "a/.", "a/..", "a/../", "./"] {
      #expect(try path(text).split == nil, "\(text)")
    }
  }

  @Test func `what is no path is refused`() {
    #expect(refusal([0x61, 0]) == .invalid)
    #expect(refusal([0xff]) == .illegalByteSequence)
    #expect(refusal([UInt8](repeating: 0x61, count: 4096)) == .nameTooLong)
    #expect(refusal([UInt8](repeating: 0x61, count: 4095)) == nil)
  }

  /// Parts of paths, of which some lead up, out, in circles, and through files.
  private static let parts = [
    "a", "b", "f", "..", ".", "", "in", "up", "out", "loop", "dangling", "deep", "none",
  ]

  private static func makeTree(at root: String) {
    for folder in ["", "/a", "/a/b", "/b", "/deep", "/deep/a", "/deep/a/b"] {
      mkdir(root + folder, 0o700)
    }
    for file in ["/f", "/a/f", "/deep/a/b/f"] {
      close(open(root + file, O_CREAT | O_WRONLY, 0o600))
    }
    let links = [
      "/in": "a", "/a/in": "../deep/a", "/a/up": "..", "/up": ".", "/out": "..", "/a/out": "/tmp",
      "/loop": "a/loop", "/a/loop": "../loop", "/dangling": "none", "/deep/in": "../in/b/..",
      "/deep/out": "a/../../../x", "/a/dangling": "../dangling/",
    ]
    for (link, target) in links { symlink(target, root + link) }
  }

  @Test func `our own walk opens what the kernel's opens, for any path and any links`()
    async throws
  {
    var template = "/tmp/wasmatrix-paths.XXXXXX".utf8CString.map { $0 }
    try #require(mkdtemp(&template) != nil)
    let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    Self.makeTree(at: root)
    let folder = open(root, O_RDONLY | O_DIRECTORY)
    defer { close(folder) }
    let flags: [Int32] = [
      O_RDONLY, O_RDWR, O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW, gf_naming_flags(),
      gf_naming_flags() | O_NOFOLLOW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
    ]
    let pathsAndFlags = zip(
      Generator<String>.element(of: Self.parts).array(count: 0...8),
      Generator<Int32>.element(of: flags))
    try await checkProperty(
      "our own walk opens what the kernel's opens", cases: 2000, pathsAndFlags
    ) { parts, flags in
      let path = parts.joined(separator: "/")
      let (kernel, own) = (
        gf_open(folder, path, flags, 0), gf_open_walking(folder, path, flags, 0)
      )
      guard kernel >= 0, own >= 0 else { return kernel == own }
      var (first, second) = (stat(), stat())
      fstat(kernel, &first)
      fstat(own, &second)
      close(kernel)
      close(own)
      return first.st_ino == second.st_ino
    }
    let scratch = open(root, O_RDONLY | O_DIRECTORY)
    #expect(FolderSweep.empty(scratch) == 0)
    close(scratch)
    #expect(rmdir(root) == 0)
  }

  // Feature: wasmatrix, Property 5: For any module and any call, what it is not granted is refused
  @Test func `whatever a path is, it leads to something inside or is refused`() async throws {
    var template = "/tmp/wasmatrix-inside.XXXXXX".utf8CString.map { $0 }
    try #require(mkdtemp(&template) != nil)
    let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    Self.makeTree(at: root)
    let tree = FolderTree(isReadOnly: false)
    let folder = try OpenFile(open(root, O_RDONLY | O_DIRECTORY), in: tree)
    let outside: Set<Errno> = [
      .notCapable, .noEntry, .notDirectory, .loop, .nameTooLong, .invalid,
    ]
    try await checkProperty(
      "Feature: wasmatrix, Property 5: a path leads to something inside or is refused",
      cases: 2000,
      Generator<String>.element(of: Self.parts + ["/", root, "/etc"]).array(count: 0...8)
    ) { parts in
      do throws(WASIError) {
        let path = try self.path(parts.joined(separator: "/"))
        return try tree.withHandle(path, in: folder, follow: true) { handle throws(WASIError) in
          var found = [CChar](repeating: 0, count: 4096)
          let length = readlink("/proc/self/fd/\(handle)", &found, found.count)
          let real = String(
            decoding: found.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
          return real == root || real.hasPrefix(root + "/")
        }
      } catch {
        return outside.contains(error.number)
      }
    }
    #expect(FolderSweep.empty(folder.number) == 0)
    #expect(rmdir(root) == 0)
  }

  @Test func `folders nested deeper than any path are removed`() throws {
    var template = "/tmp/wasmatrix-deep.XXXXXX".utf8CString.map { $0 }
    try #require(mkdtemp(&template) != nil)
    var folder = open(template, O_RDONLY | O_DIRECTORY)
    let name = String(repeating: "n", count: 200)
    for _ in 0..<100 {
      try #require(mkdirat(folder, name, 0o700) == 0)
      close(openat(folder, "file", O_CREAT | O_WRONLY, 0o600))
      let inner = openat(folder, name, O_RDONLY | O_DIRECTORY)
      close(folder)
      folder = inner
    }
    close(folder)
    let root = open(template, O_RDONLY | O_DIRECTORY)
    #expect(FolderSweep.empty(root) == 0)
    close(root)
    #expect(rmdir(template) == 0)
  }
}
