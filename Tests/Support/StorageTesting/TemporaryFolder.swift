public import ClusterModel
import Foundation
import ProcessTesting

/// A folder for one test; its contents go when the value does.
public final class TemporaryFolder: Sendable {
  public let path = ScratchFolder.path("store")

  /// The folder itself is made by whoever is tested.
  public init() {}

  // What is left behind goes with the process.
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Copies files into another folder, as they are now.
  public func copy(_ names: [String], to other: TemporaryFolder) throws {
    try FileManager.default.createDirectory(
      atPath: other.path, withIntermediateDirectories: true)
    for name in names {
      try FileManager.default.copyItem(
        atPath: path + "/" + name, toPath: other.path + "/" + name)
    }
  }

  /// Writes bytes over a part of a file.
  public func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) throws {
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path + "/" + name))
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
  }

  public func size(of name: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return (attributes[.size] as? NSNumber)?.intValue ?? 0
  }

  /// The permission bits of a file, or of the folder itself.
  public func permissions(of name: String = "") throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
  }
}

/// The problem that `body` throws; `nil` when it throws none.
public func problem(_ body: () async throws -> Void) async -> Problem? {
  do {
    try await body()
    return nil
  } catch let problem as Problem {
    return problem
  } catch {
    return Problem(.internalFault, code: "\(error)", "no problem, but another error")
  }
}

/// The code of the problem that `body` throws; `nil` when it throws none.
public func problemCode(_ body: () async throws -> Void) async -> String? {
  await problem(body)?.code
}
