import ClusterModel
import LocalSystem
import ManifestYAML
import ModuleTrust

/// An application on this machine: its manifest, and where its sources lie.
struct LocalApplication {
  let manifest: ApplicationManifest
  /// The text of the manifest.
  let text: String
  private let folder: String

  /// A source that is ready to be pushed.
  struct Source {
    var reference: VersionReference
    var file: ModuleFile
  }

  /// Reads and checks the manifest; sources are not touched yet.
  ///
  /// - Throws: ``Problem`` with every fault and its place in the file.
  init(manifestPath: String) throws(Problem) {
    let bytes = try BoundedFile.read(
      manifestPath, role: "manifest", limit: ManifestReader.maximumSize)
    do {
      manifest = try ManifestReader.read(bytes, file: manifestPath)
    } catch {
      throw error.problem
    }
    text = String(decoding: bytes, as: UTF8.self)
    folder = FilePath.folder(of: manifestPath)
  }

  /// The files that the modules are made from, in the order of the manifest.
  var sourcePaths: [String] {
    manifest.modules.compactMap { module in
      switch module.code {
      case .source(let path, _): FilePath.join(folder, path)
      case .registered: nil
      }
    }
  }

  /// The versions that are in the registry already, of modules without a source.
  var registeredVersions: [ModuleName: ModuleVersion] {
    var versions: [ModuleName: ModuleVersion] = [:]
    for module in manifest.modules {
      switch module.code {
      case .registered(let version): versions[module.name] = version
      case .source: continue
      }
    }
    return versions
  }

  /// The sources, in the order of the manifest.
  ///
  /// - Parameter signer: signs them in memory; `nil` to take them as they are.
  func sources(
    signedBy signer: ModuleSigner?, naming: VersionNaming
  ) throws(Problem) -> [Source] {
    var sources: [Source] = []
    for module in manifest.modules {
      switch module.code {
      case .source(let path, let declared):
        var file = try ModuleFile(path: FilePath.join(folder, path))
        if let signer { try file.sign(with: signer) }
        let version = try naming.version(of: file, declared: declared)
        sources.append(
          Source(
            reference: VersionReference(module: module.name, version: version), file: file))
      case .registered: continue
      }
    }
    return sources
  }
}
