import ClusterModel

/// The application out of the tree of a file.
struct ApplicationDecoder {
  let values: ValueReader

  static let keys = ["apiVersion", "name", "buckets", "modules", "supervision"]
  static let maximumModules = 1000

  /// Complete, or `nil` when a problem was reported; meaningless when any problem was.
  func manifest(from root: ManifestNode) -> ApplicationManifest? {
    let field = Field(path: .root, keyPlace: root.place, node: root)
    guard let fields = values.fields(field, keys: Self.keys) else { return nil }
    checkAPIVersion(fields)
    let name = values.required("name", in: fields, allowed: ApplicationName.rule)
      .flatMap { values.validated($0, as: ApplicationName.self) }
    let buckets = BucketDecoder(values: values).buckets(fields, of: name)
    let decoded = modules(fields, buckets: buckets)
    let modules = decoded.map { SupervisionDecoder(values: values).supervised($0, fields) }
    guard let name, let modules else { return nil }
    return ApplicationManifest(name: name, buckets: buckets, modules: modules)
  }

  private func checkAPIVersion(_ fields: Fields) {
    let supported = ApplicationManifest.apiVersion
    guard let field = values.required("apiVersion", in: fields, allowed: supported),
      let version = values.text(field, allowed: supported), version != supported
    else { return }
    values.report("\(excerpt(version)) is not supported", field, allowed: supported)
  }

  private func modules(_ fields: Fields, buckets: [Bucket]) -> [ApplicationManifest.Module]? {
    let allowed = "a mapping from the name of each module to what it is"
    guard let field = values.required("modules", in: fields, allowed: allowed),
      let entries = values.entries(field, allowed: allowed)
    else { return nil }
    if entries.isEmpty {
      values.report("there is no module", field, allowed: "1 to \(Self.maximumModules) modules")
    }
    if entries.count > Self.maximumModules {
      let first = entries[Self.maximumModules].field
      values.problems.add(
        "there are \(entries.count) modules", at: first.keyPlace, path: field.path,
        allowed: "1 to \(Self.maximumModules)")
    }
    let decoder = ModuleDecoder(values: values, buckets: buckets.map(\.name))
    return entries.prefix(Self.maximumModules).compactMap { key, field in
      let module = decoder.module(from: field, named: ModuleName(unchecked: key))
      guard ModuleName.isValid(key) else {
        values.problems.add(
          "\(excerpt(key)) is not a valid module name", at: field.keyPlace, path: field.path,
          allowed: ModuleName.rule)
        return nil
      }
      return module
    }
  }
}
