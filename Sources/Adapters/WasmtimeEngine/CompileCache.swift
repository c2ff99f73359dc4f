import CWasmtime
import ClusterModel
import Crypto
import Foundation

/// Compiled modules on disk. They are native code, so each is authenticated with a key that only
/// this node holds before it is loaded. What does not fit is compiled again; nothing here is needed.
///
/// A file is a 32-byte HMAC-SHA256 over its name and its contents, then the contents. Its name comes
/// from everything the code depends on: digest, library version, settings, architecture, CPU
/// features.
struct CompileCache: Sendable {
  private let folder: String
  private let key: SymmetricKey
  private let environment: String
  /// Beyond this the files that were used longest ago go.
  static let maximumBytes = 1 << 30

  /// Opens (and makes) the cache in `folder`.
  ///
  /// - Throws: ``Problem`` `cache_unusable` when the folder or its key cannot be made or read.
  init(folder: String, machine: MachineFacts, codeFingerprint: String) throws(Problem) {
    self.folder = folder
    environment = [
      WM_LIBRARY_VERSION, codeFingerprint, machine.architecture,
      machine.cpuFeatures.joined(separator: " "),
    ].joined(separator: "\n")
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      let keyFile = URL(fileURLWithPath: folder + "/key")
      if let bytes = try? Data(contentsOf: keyFile), bytes.count == 32 {
        // A missing or damaged key is made anew: what it signed is then compiled again.
        key = SymmetricKey(data: bytes)
      } else {
        key = SymmetricKey(size: .bits256)
        let bytes = key.withUnsafeBytes { Data($0) }
        guard
          FileManager.default.createFile(
            atPath: keyFile.path, contents: bytes, attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown) }
      }
    } catch {
      throw Problem(
        .internalFault, code: "cache_unusable", "the compile cache \(folder) cannot be used",
        cause: String(describing: error), next: "Check the folder's owner and permissions.")
    }
  }

  /// The compiled module; `nil` when it is not there, or not ours, or does not fit.
  func load(_ digest: ModuleDigest, engine: EngineHandle) -> OpaquePointer? {
    let name = fileName(digest)
    let path = folder + "/" + name
    // Whatever is wrong with a cached file, compiling again is the answer.
    guard let file = try? Data(contentsOf: URL(fileURLWithPath: path)), file.count > 32 else {
      return nil
    }
    let code = [UInt8](file.dropFirst(32))
    guard
      HMAC<SHA256>.isValidAuthenticationCode(
        file.prefix(32), authenticating: Data(name.utf8) + code, using: key)
    else { return nil }
    var module: OpaquePointer?
    if let error = wasmtime_module_deserialize(engine.pointer, code, code.count, &module) {
      wasmtime_error_delete(error)
      return nil
    }
    // Only to remember that it was used; failing is harmless.
    try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path)
    return module
  }

  /// Keeps a compiled module; failing to is not an error.
  func keep(_ module: OpaquePointer, _ digest: ModuleDigest) {
    var serialized = wasm_byte_vec_t()
    if let error = wasmtime_module_serialize(module, &serialized) {
      wasmtime_error_delete(error)
      return
    }
    defer { wasm_byte_vec_delete(&serialized) }
    let code = Data(UnsafeBufferPointer(start: serialized.data, count: serialized.size))
    let name = fileName(digest)
    let mark = HMAC<SHA256>.authenticationCode(for: Data(name.utf8) + code, using: key)
    // A full disk only means that the next start compiles again.
    try? (Data(mark) + code).write(
      to: URL(fileURLWithPath: folder + "/" + name), options: .atomic)
    trim()
  }

  private func fileName(_ digest: ModuleDigest) -> String {
    let hash = SHA256.hash(data: Data((digest.text + "\n" + environment).utf8))
    return Hexadecimal.encode(hash) + ".cwasm"
  }

  private func trim() {
    let keys: [URLResourceKey] = [.fileSizeKey, .contentModificationDateKey]
    // A folder that cannot be listed cannot be trimmed; the next time may do.
    let files =
      (try? FileManager.default.contentsOfDirectory(
        at: URL(fileURLWithPath: folder), includingPropertiesForKeys: keys)) ?? []
    let entries = files.filter { $0.pathExtension == "cwasm" }.compactMap { url in
      // One that vanished meanwhile does not count.
      (try? url.resourceValues(forKeys: Set(keys))).map {
        (url, $0.fileSize ?? 0, $0.contentModificationDate ?? .distantPast)
      }
    }
    var total = entries.reduce(0) { $0 + $1.1 }
    for (url, size, _) in entries.sorted(by: { $0.2 < $1.2 }) where total > Self.maximumBytes {
      // Somebody else removed it: fine.
      try? FileManager.default.removeItem(at: url)
      total -= size
    }
  }
}
