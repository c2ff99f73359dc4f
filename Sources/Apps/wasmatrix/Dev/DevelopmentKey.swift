import ClusterModel
import LocalSystem
import ModuleTrust

/// The key that signs local sources for a developer's own cluster.
enum DevelopmentKey {
  static let label = "development"

  /// The key in the data folder; made when there is none yet.
  static func load(dataFolder: String) throws(Problem) -> ModuleSigner {
    let path = FilePath.join(dataFolder, "dev-key")
    return BoundedFile.exists(path) ? try KeyPairFile.read(path) : try KeyPairFile.generate(path)
  }
}
