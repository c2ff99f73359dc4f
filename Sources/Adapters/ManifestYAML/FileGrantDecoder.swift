import ClusterModel

/// The files of a module: `capabilities.files`.
struct FileGrantDecoder {
  let values: ValueReader

  static let keys = ["scratch", "bundle"]
  static let bundleKeys = ["at"]
  static let scratchKeys = ["at", "size", "entries"]

  func grants(_ field: Field) -> FileGrants? {
    guard let given = values.fields(field, keys: Self.keys) else { return nil }
    guard given["scratch"] != nil || given["bundle"] != nil else {
      values.report("nothing is granted", field, allowed: Self.keys.joined(separator: ", "))
      return nil
    }
    let grants = FileGrants(
      scratch: given["scratch"].flatMap { scratch($0) },
      bundle: given["bundle"].flatMap { bundle($0) })
    if let scratch = grants.scratch, scratch.path == grants.bundle {
      values.report("two folders are at \(excerpt(scratch.path.text))", field)
    }
    return grants
  }

  private func bundle(_ field: Field) -> GuestFolderPath? {
    guard let given = values.fields(field, keys: Self.bundleKeys) else { return nil }
    guard let path = given["at"] else { return FileGrants.defaultBundlePath }
    return values.validated(path, as: GuestFolderPath.self)
  }

  private func scratch(_ field: Field) -> ScratchGrant? {
    guard let given = values.fields(field, keys: Self.scratchKeys) else { return nil }
    var limits = ScratchLimits()
    typealias Range = ScratchLimits.Range
    if let size = given["size"] {
      limits.size = values.size(size, Range.size, like: limits.size) ?? limits.size
    }
    if let entries = given["entries"] {
      limits.entries = values.integer(entries, Range.entries) ?? limits.entries
    }
    var grant = ScratchGrant(limits: limits)
    if let path = given["at"].flatMap({ values.validated($0, as: GuestFolderPath.self) }) {
      grant.path = path
    }
    return grant
  }
}
