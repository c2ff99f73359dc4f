import LocalSystem

/// Where `dev` keeps its data when nobody says.
enum DataFolderChoice {
  static let name = ".wasmatrix"

  /// `--data`, else `.wasmatrix` beside the manifest, or in the current folder without one.
  static func path(option: String?, manifest: String?) -> String {
    if let option { return option }
    return FilePath.join(manifest.map(FilePath.folder) ?? ".", name)
  }
}
