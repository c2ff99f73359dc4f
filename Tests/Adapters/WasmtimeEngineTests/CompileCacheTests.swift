import CWasmtime
import ClusterModel
import Foundation
import HostPorts
import PropertyTesting
import StorageTesting
import Testing

@testable import WasmtimeEngine

@Suite struct CompileCacheTests {
  private let folder = TemporaryFolder()
  private static let environment = CodeEnvironment(
    settings: "test", architecture: "x86_64", cpuFeatures: ["avx"])

  private func cache(
    _ environment: CodeEnvironment = environment, in path: String? = nil,
    maximumBytes: Int = CompileCache.usualMaximumBytes
  ) throws -> CompileCache {
    try CompileCache(
      folder: path ?? folder.path, environment: environment, maximumBytes: maximumBytes)
  }

  private static func digest(_ number: UInt8) -> ModuleDigest {
    ModuleDigest(sha256: [UInt8](repeating: number, count: 32))
  }

  private static func engine() throws -> EngineHandle {
    try SharedEngine.engine.get().engines.running
  }

  /// Compiles a module and keeps it.
  private func keep(
    _ cache: CompileCache, _ number: UInt8 = 9, text: String = Wat.counter
  ) throws {
    let bytes = try wasm(text)
    var module: OpaquePointer?
    #expect(
      wasmtime_module_new(try Self.engine().pointer, bytes, bytes.count, &module) == nil)
    let compiled = try #require(module)
    cache.keep(compiled, Self.digest(number), .optimised)
    wasmtime_module_delete(compiled)
  }

  /// Whether the cache has the module.
  private func loads(
    _ cache: CompileCache, _ number: UInt8 = 9, _ mode: CodeMode = .optimised
  ) throws -> Bool {
    guard let module = cache.load(Self.digest(number), mode, engine: try Self.engine()) else {
      return false
    }
    wasmtime_module_delete(module)
    return true
  }

  private var artefacts: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".cwasm") }
    }
  }

  private func artefact() throws -> String { folder.path + "/" + (try #require(artefacts.first)) }

  @Test func `what was compiled for the same machine and settings loads`() throws {
    try keep(cache())
    #expect(try loads(cache()))
    #expect(try !loads(cache(), 8))
    #expect(try !loads(cache(), 9, .quick))
  }

  @Test(
    arguments: [
      { $0.libraryVersion = "50.0.2" }, { $0.settings = "other" }, { $0.architecture = "aarch64" },
      { $0.cpuFeatures = [] }, { $0.cpuFeatures = ["avx", "avx2"] },
    ] as [@Sendable (inout CodeEnvironment) -> Void])
  func `another library, setting, architecture or CPU compiles anew`(
    change: @Sendable (inout CodeEnvironment) -> Void
  ) throws {
    try keep(cache())
    var environment = Self.environment
    change(&environment)
    #expect(try !loads(cache(environment)))
    #expect(try loads(cache()))
  }

  @Test func `a file that was changed anywhere is never loaded`() async throws {
    let cache = try cache()
    try keep(cache)
    let path = try artefact()
    let original = try #require(FileManager.default.contents(atPath: path))
    typealias Change = (place: Int, bit: Int, length: Int?)
    let changes = Generator<Change> { choices in
      let place = Generator<Int>.int(in: 0...(original.count - 1))
      return (
        place.generate(&choices), Generator<Int>.int(in: 0...7).generate(&choices),
        Generator<Bool>.bool.generate(&choices) ? place.generate(&choices) : nil
      )
    }
    try await checkProperty("a changed or truncated artefact is not loaded", cases: 300, changes) {
      change in
      var bytes = original
      if let length = change.length {
        bytes = bytes.prefix(length)
      } else {
        bytes[change.place] ^= 1 << change.bit
      }
      try bytes.write(to: URL(fileURLWithPath: path))
      return try !loads(cache)
    }
    try original.write(to: URL(fileURLWithPath: path))
    #expect(try loads(cache))
    try (original + [0]).write(to: URL(fileURLWithPath: path))
    #expect(try !loads(cache))
  }

  @Test func `one module is not loaded for another`() throws {
    let cache = try cache()
    try keep(cache, 1)
    let first = try artefact()
    try keep(cache, 2, text: Wat.spin)
    let second = folder.path + "/" + (try #require(artefacts.first { !first.hasSuffix($0) }))
    try FileManager.default.removeItem(atPath: first)
    try FileManager.default.copyItem(atPath: second, toPath: first)
    #expect(try !loads(cache, 1))
    #expect(try loads(cache, 2))
  }

  @Test(arguments: ["readable", "damaged", "link", "gone"])
  func `a key that others may know is made anew, and what it signed compiled again`(
    trouble: String
  ) throws {
    try keep(cache())
    let key = folder.path + "/key"
    let before = try #require(FileManager.default.contents(atPath: key))
    switch trouble {
    case "readable": chmod(key, 0o640)
    case "damaged": try before.prefix(31).write(to: URL(fileURLWithPath: key))
    case "link":
      try FileManager.default.moveItem(atPath: key, toPath: key + ".away")
      try FileManager.default.createSymbolicLink(
        atPath: key, withDestinationPath: key + ".away")
    case _: try FileManager.default.removeItem(atPath: key)
    }
    let again = try cache()
    #expect(try !loads(again))
    #expect(FileManager.default.contents(atPath: key) != before)
    #expect(try folder.permissions(of: "key") == 0o600)
    try keep(again)
    #expect(try loads(cache()))
  }

  @Test(.enabled(if: geteuid() == 0))
  func `files and keys of others are not used`() throws {
    try keep(cache())
    chown(try artefact(), 1, 1)
    #expect(try !loads(cache()))
    chown(try artefact(), 0, 0)
    #expect(try loads(cache()))
    chown(folder.path + "/key", 1, 1)
    #expect(try !loads(cache()))
    chown(folder.path, 1, 1)
    #expect(throws: Problem.self) { try cache() }
  }

  @Test func `a folder that others may write to is not used`() throws {
    try keep(cache())
    chmod(folder.path, 0o777)
    let problem = #expect(throws: Problem.self) { try cache() }
    #expect(problem?.code == "cache_unusable")
    #expect(throws: Problem.self) { try cache(in: folder.path + "/key") }
    #expect(throws: Problem.self) { try cache(in: folder.path + "/no/such") }
  }

  @Test(.timeLimit(.minutes(1)))
  func `links, pipes and folders that were planted are neither followed nor waited for`() throws {
    let cache = try cache()
    try keep(cache)
    let path = try artefact()
    let away = folder.path + "/away"
    try FileManager.default.moveItem(atPath: path, toPath: away)
    symlink(away, path)
    #expect(try !loads(cache))
    unlink(path)
    mkfifo(path, 0o600)
    #expect(try !loads(cache))
    unlink(path)
    mkdir(path, 0o700)
    #expect(try !loads(cache))
    try keep(cache)
    rmdir(path)
    // Keeping replaces a link, and does not write to where it leads.
    let victim = folder.path + "/victim"
    try Data("mine".utf8).write(to: URL(fileURLWithPath: victim))
    symlink(victim, path)
    try keep(cache)
    #expect(try loads(cache))
    #expect(FileManager.default.contents(atPath: victim) == Data("mine".utf8))
  }

  @Test func `the cache stays within its size, and the one used longest ago goes first`() throws {
    try keep(cache(), 1)
    let size = try folder.size(of: try #require(artefacts.first))
    let cache = try cache(maximumBytes: 4 * size + size / 2)
    for number in 2...4 { try keep(cache, UInt8(number)) }
    // By their times of use; 1 was used last.
    let old = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
    for name in try artefacts { utimensat(AT_FDCWD, folder.path + "/" + name, old, 0) }
    #expect(try loads(cache, 1))
    try keep(cache, 5)
    try keep(cache, 6)
    #expect(try artefacts.count == 4)
    #expect(try loads(cache, 1) && loads(cache, 5) && loads(cache, 6))
  }

  @Test func `one that would fill the cache alone is not kept`() throws {
    try keep(cache(), 1)
    let size = try folder.size(of: try #require(artefacts.first))
    let small = try cache(maximumBytes: 4 * size - 4)
    #expect(try !loads(small, 1))
    try keep(small, 2)
    #expect(try artefacts.count == 1)
  }

  @Test func `what was left behind half written goes, and what is being written stays`() throws {
    let cache = try cache()
    for name in ["old.tmp", "new.tmp"] {
      try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/" + name))
    }
    let old = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
    utimensat(AT_FDCWD, folder.path + "/old.tmp", old, 0)
    try keep(cache)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!names.contains("old.tmp") && names.contains("new.tmp"))
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `a full disk keeps nothing and breaks nothing`() throws {
    let disk = try SmallDisk(kibibytes: 256)
    let cache = try cache(in: disk.path + "/cache")
    disk.fill()
    try keep(cache)
    #expect(try !loads(cache))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: disk.path + "/cache") == ["key"])
    unlink(disk.path + "/cache/key")
    disk.fill()
    #expect(throws: Problem.self) { try self.cache(in: disk.path + "/cache") }
    disk.makeRoom()
    let again = try self.cache(in: disk.path + "/cache")
    try keep(again)
    #expect(try loads(again))
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `a disk that can only be read gives what it has`() throws {
    let disk = try SmallDisk(kibibytes: 1024)
    try keep(cache(in: disk.path + "/cache"), 1)
    #expect(
      mount("tmpfs", disk.path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
    let cache = try cache(in: disk.path + "/cache")
    #expect(try loads(cache, 1))
    try keep(cache, 2)
    #expect(try !loads(cache, 2))
  }

  @Test func `several that begin at once agree on one key and load each other's files`()
    async throws
  {
    for _ in 0..<20 {
      let folder = TemporaryFolder()
      let caches = try await withThrowingTaskGroup(of: CompileCache.self) { group in
        for _ in 0..<8 { group.addTask { try cache(in: folder.path) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      try keep(caches[0])
      for cache in caches { #expect(try loads(cache)) }
    }
  }

  @Test func `an engine whose cache cannot be used says so and compiles`() async throws {
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    chmod(folder.path, 0o777)
    var configuration = EngineConfiguration(machine: MachineFacts.read())
    configuration.workers = 1
    configuration.instanceSlots = 2
    var trouble: Problem?
    let engine = try WasmtimeEngine(
      configuration: configuration, cacheFolder: folder.path, cacheTrouble: { trouble = $0 })
    defer { engine.stop() }
    #expect(trouble?.code == "cache_unusable")
    let module = try await engine.prepare(try wasm(Wat.increment), digest: Self.digest(1))
    #expect(output(await module.run(activation(input: [1]))) == [2])
  }
}
