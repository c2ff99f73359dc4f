import ClusterModel

/// Which version a module that is pushed from a file gets.
enum VersionNaming {
  /// What the manifest says, else `0.0.0-` and the digest: the same bytes get the same version.
  case release
  /// What the manifest says or `0.0.0`, then `-dev.` and the digest: each state of a source that is
  /// being worked on is a version of its own.
  case development

  /// - Throws: ``Problem`` with `version_invalid` when the name would be too long, or what is wrong
  ///   with the module when its digest is needed.
  func version(
    of file: ModuleFile, declared: ModuleVersion?
  ) throws(Problem) -> ModuleVersion {
    switch self {
    case .release:
      if let declared { return declared }
      return ModuleVersion(unchecked: "0.0.0-\(try file.digest().short)")
    case .development:
      let digest = try file.digest()
      do {
        return try ModuleVersion("\(declared?.text ?? "0.0.0")-dev.\(digest.short)")
      } catch {
        throw Problem(
          .invalidInput, code: "version_invalid", error.description,
          next: "Give the module a shorter version in the manifest.")
      }
    }
  }
}
