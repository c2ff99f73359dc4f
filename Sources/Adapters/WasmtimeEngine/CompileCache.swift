import CWasmtime
import ClusterModel
import Crypto
import Foundation
import HostPorts

/// What compiled code depends on besides the module.
struct CodeEnvironment: Hashable {
  var libraryVersion = WM_LIBRARY_VERSION
  /// The settings of the engine that change code.
  var settings: String
  var architecture: String
  var cpuFeatures: [String]

  var text: String {
    [libraryVersion, settings, architecture, cpuFeatures.joined(separator: " ")]
      .joined(separator: "\n")
  }
}

/// Compiled modules on disk. They are native code, so each is authenticated with a key that only
/// this node holds before it is loaded. What does not fit is compiled again; nothing here is needed.
///
/// A file is a 32-byte HMAC-SHA256 over the rest, then its own name, then the code. The name says
/// everything the code depends on. It is read once into memory of our own, and what was verified
/// there is what is loaded: a file that is mapped could change in between.
struct CompileCache: Sendable {
  private let folder: CacheFolder
  /// The beginning of every mark: the key is in it.
  private let keyed: HMAC<SHA256>
  /// What names of files end with: the mode, and the digest of everything but the module that code depends on, as much
  /// of it as tells them apart.
  private let quickEnding: String
  private let optimisedEnding: String
  private let maximumBytes: Int

  /// Beyond this the files that were used longest ago go.
  static let usualMaximumBytes = 1 << 30
  /// One file may take no more than this part of all: it would drive out everything else.
  private static let largestPart = 4
  private static let keyName = "key"
  private static let keyBytes = 32
  private static let markBytes = 32
  private static let environmentDigits = 32
  private static let suffix = ".cwasm"
  /// The code begins at a multiple of this.
  private static let alignment = 16
  /// What a process that ended left behind while it wrote is removed after so many seconds.
  private static let draftAge = 600

  /// Opens (and makes) the cache in the folder at `path`.
  ///
  /// - Throws: ``Problem`` `cache_unusable` when the folder or its key cannot be made or read.
  init(
    folder path: String, environment: CodeEnvironment, maximumBytes: Int = usualMaximumBytes
  ) throws(Problem) {
    folder = try CacheFolder(path)
    let digest = SHA256.hash(data: Array(environment.text.utf8))
    let digits = Hexadecimal.encode(digest).prefix(Self.environmentDigits)
    quickEnding = ".\(CodeMode.quick.rawValue).\(digits)\(Self.suffix)"
    optimisedEnding = ".\(CodeMode.optimised.rawValue).\(digits)\(Self.suffix)"
    self.maximumBytes = maximumBytes
    guard let key = Self.key(in: folder) else {
      throw CacheFolder.problem(path, "its key cannot be written")
    }
    keyed = HMAC(key: key)
  }

  /// The key of this node. One that others may have seen, or that is damaged, is made anew: what it signed
  /// is then compiled again. Processes that begin at the same time agree on one.
  private static func key(in folder: CacheFolder) -> SymmetricKey? {
    let placings: [CacheFolder.Placing?] = [nil, .asFirst, .replacing]
    for placing in placings {
      if let placing {
        let made = SymmetricKey(size: .bits256)
        // When it is not written, another process may have been first: looked at below.
        _ = made.withUnsafeBytes { folder.write([$0], to: keyName, placing) }
      }
      if let bytes = folder.read(keyName, upTo: keyBytes, isSecret: true), bytes.count == keyBytes {
        return SymmetricKey(data: bytes)
      }
    }
    return nil
  }

  /// The compiled module; `nil` when it is not there, or not ours, or does not fit.
  func load(_ digest: ModuleDigest, _ mode: CodeMode, engine: EngineHandle) -> OpaquePointer? {
    let name = fileName(digest, mode)
    let header = Self.header(name)
    guard let file = folder.read(name, upTo: maximumFileBytes),
      file.count > Self.markBytes + header.count
    else { return nil }
    return file.withUnsafeBytes { bytes in
      let found = UnsafeRawBufferPointer(rebasing: bytes[..<Self.markBytes])
      let marked = UnsafeRawBufferPointer(rebasing: bytes[Self.markBytes...])
      // Who may write to the folder could else give the file another name.
      guard mark([marked]) == found, marked.starts(with: header) else { return nil }
      let code = UnsafeRawBufferPointer(rebasing: marked[header.count...])
      var module: OpaquePointer?
      if let error = wasmtime_module_deserialize(
        engine.pointer, code.baseAddress?.assumingMemoryBound(to: UInt8.self), code.count, &module)
      {
        wasmtime_error_delete(error)
        return nil
      }
      return module
    }
  }

  /// Keeps a compiled module; failing to is not an error.
  func keep(_ module: OpaquePointer, _ digest: ModuleDigest, _ mode: CodeMode) {
    var serialized = wasm_byte_vec_t()
    if let error = wasmtime_module_serialize(module, &serialized) {
      wasmtime_error_delete(error)
      return
    }
    defer { wasm_byte_vec_delete(&serialized) }
    let name = fileName(digest, mode)
    let header = Self.header(name)
    let size = Self.markBytes + header.count + serialized.size
    guard size <= maximumFileBytes else { return }
    let code = UnsafeRawBufferPointer(start: serialized.data, count: serialized.size)
    trim(toHold: size)
    header.withUnsafeBytes { header in
      mark([header, code]).withUnsafeBytes { mark in
        // A full disk only means that the next start compiles again.
        _ = folder.write([mark, header, code], to: name, .replacing)
      }
    }
  }

  private var maximumFileBytes: Int { maximumBytes / Self.largestPart }

  private func mark(_ parts: [UnsafeRawBufferPointer]) -> HMAC<SHA256>.MAC {
    var hash = keyed
    for part in parts { hash.update(data: part) }
    return hash.finalize()
  }

  private func fileName(_ digest: ModuleDigest, _ mode: CodeMode) -> String {
    switch mode {
    case .quick: digest.hexadecimal + quickEnding
    case .optimised: digest.hexadecimal + optimisedEnding
    }
  }

  /// The name of a file in its contents.
  private static func header(_ name: String) -> [UInt8] {
    var bytes = Array(name.utf8)
    // No name has zeros in it.
    while bytes.count % alignment != 0 { bytes.append(0) }
    return bytes
  }

  /// Makes room for `incoming` bytes: what was used longest ago goes first.
  private func trim(toHold incoming: Int) {
    let entries = folder.entries().filter { $0.name != Self.keyName }
    let now = time(nil)
    var total = entries.reduce(incoming) { $0 + $1.bytes }
    for entry in entries.sorted(by: { $0.usedAt < $1.usedAt }) {
      let isDraft = entry.name.hasSuffix(CacheFolder.draftSuffix)
      let isForgotten = isDraft && now - entry.usedAt > Self.draftAge
      guard isForgotten || !isDraft && total > maximumBytes else { continue }
      folder.remove(entry.name)
      total -= entry.bytes
    }
  }
}
