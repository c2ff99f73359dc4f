import ClusterModel

/// The path of a module's code, seen from the folder of the manifest.
struct SourcePath {
  let values: ValueReader

  static let maximumLength = 1024
  private static let allowed = "a path below the folder of the manifest, like build/clean.wasm"

  /// `nil` for a path that names no file below that folder, reported. Links are not followed here.
  func path(_ field: Field) -> String? {
    guard let path = values.text(field, allowed: Self.allowed) else { return nil }
    guard let objection = objection(to: path) else { return path }
    values.report("\(excerpt(path)) \(objection)", field, allowed: Self.allowed)
    return nil
  }

  private func objection(to path: String) -> String? {
    if path.isEmpty { return "names no file" }
    if path.utf8.count > Self.maximumLength {
      return "is longer than \(Self.maximumLength) bytes"
    }
    if path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "has control characters" }
    if path.hasPrefix("/") { return "is absolute" }
    if path.hasPrefix("~") { return "begins with '~', which only a shell understands" }
    let steps = path.split(separator: "/")
    var depth = 0
    for step in steps where step != "." {
      depth += step == ".." ? -1 : 1
      if depth < 0 { return "leaves the folder of the manifest" }
    }
    let last = steps.last ?? "."
    return path.hasSuffix("/") || last == "." || last == ".." ? "names a folder" : nil
  }
}
