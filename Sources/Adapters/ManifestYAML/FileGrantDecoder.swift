import ClusterModel

/// The files of a module: `capabilities.files`.
struct FileGrantDecoder {
  let values: ValueReader

  static let keys = ["scratch"]
  static let scratchKeys = ["at", "size", "entries"]

  func grants(_ field: Field) -> FileGrants? {
    guard let given = values.fields(field, keys: Self.keys) else { return nil }
    guard let field = given["scratch"] else {
      values.report("nothing is granted", field, allowed: Self.keys.joined(separator: ", "))
      return nil
    }
    return scratch(field).map { FileGrants(scratch: $0) }
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
