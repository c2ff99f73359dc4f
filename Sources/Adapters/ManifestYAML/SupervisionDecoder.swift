import ClusterModel

/// How the services of an application are watched over: `supervision`.
struct SupervisionDecoder {
  let values: ValueReader

  static let treeKeys = ["strategy", "intensity", "back-off", "children"]
  static let keys = treeKeys + ["placement"]
  static let groupKeys = ["group"] + treeKeys
  static let intensityKeys = ["restarts", "within"]
  static let backOffKeys = ["immediate", "initial", "maximum", "stable-after"]
  static let strategies: [(String, SupervisionStrategy)] = [
    ("one-for-one", .oneForOne), ("one-for-all", .oneForAll), ("rest-for-one", .restForOne),
  ]

  /// The modules, each service with the tree that it is a part of.
  func supervised(
    _ modules: [ApplicationManifest.Module], _ fields: Fields
  ) -> [ApplicationManifest.Module] {
    let services = modules.filter { $0.configuration.kind == .service }
    guard let field = fields["supervision"] else {
      return services.isEmpty
        ? modules : complete(modules, usual(services, fields), PlacementRules())
    }
    guard !services.isEmpty else {
      values.report("there is no service to supervise", field, allowed: "modules of kind: service")
      return modules
    }
    guard let given = values.fields(field, keys: Self.keys) else { return modules }
    var missing = services.map(\.name)
    var names: Set<String> = []
    var tree = usual(services, fields)
    let children = tree.children
    read(&tree, given)
    if let list = given["children"] {
      tree.children = self.children(list, children, depth: 1, &missing, &names)
      if let first = missing.first, values.problems.isEmpty {
        values.report(
          "the service \(first) is not among them", list,
          allowed: "each service once, here or in a group")
      }
    }
    return complete(modules, tree, PlacementDecoder(values: values).rules(given))
  }

  /// All services beneath one supervisor, in the order of the file.
  private func usual(_ services: [ApplicationManifest.Module], _ fields: Fields) -> ServiceTree {
    let decoder = ServiceDecoder(values: values)
    let entries = fields["modules"].flatMap { values.entries($0, allowed: "a mapping") } ?? []
    return ServiceTree(
      children: services.map { service in
        let entry = entries.first { $0.key == service.name.text }?.field
        let own = entry.flatMap { values.fields($0, knownOf: ModuleDecoder.keys) }
        return .service(
          service.name, restart: own.map(decoder.restart) ?? .permanent,
          shutdown: own.map(decoder.shutdown) ?? .standard)
      })
  }

  private func read(_ tree: inout ServiceTree, _ given: Fields) {
    if let field = given["strategy"] {
      let allowed = Self.strategies.map(\.0).joined(separator: ", ")
      if let text = values.text(field, allowed: allowed) {
        if let known = Self.strategies.first(where: { $0.0 == text }) {
          tree.strategy = known.1
        } else {
          values.report("\(excerpt(text)) is no strategy", field, allowed: allowed)
        }
      }
    }
    typealias Range = ServiceTree.Range
    if let field = given["intensity"], let inner = values.fields(field, keys: Self.intensityKeys) {
      let restarts = inner["restarts"].flatMap { values.integer($0, Range.restarts) }
      let window = inner["within"].flatMap { values.duration($0, Range.window, like: .seconds(5)) }
      tree.intensity.restarts = restarts ?? tree.intensity.restarts
      tree.intensity.window = window ?? tree.intensity.window
    }
    if let field = given["back-off"], let inner = values.fields(field, keys: Self.backOffKeys) {
      func delay(_ key: String, _ usual: Duration) -> Duration {
        inner[key].flatMap { values.duration($0, Range.delay, like: usual) } ?? usual
      }
      tree.backOff.immediate =
        inner["immediate"].flatMap { values.integer($0, Range.immediate) }
        ?? tree.backOff.immediate
      tree.backOff.initial = delay("initial", tree.backOff.initial)
      tree.backOff.maximum = delay("maximum", tree.backOff.maximum)
      tree.backOff.stableAfter = delay("stable-after", tree.backOff.stableAfter)
      if tree.backOff.initial > tree.backOff.maximum {
        values.report(
          "initial is longer than maximum", field, allowed: "initial up to maximum")
      }
    }
  }

  private func children(
    _ field: Field, _ services: [ServiceTree.Child], depth: Int, _ missing: inout [ModuleName],
    _ names: inout Set<String>
  ) -> [ServiceTree.Child] {
    let allowed = "names of services, and groups: \"- group: NAME\" with strategy and children"
    guard
      let elements = values.elements(
        field, limit: ApplicationDecoder.maximumModules, allowed: allowed)
    else { return [] }
    if elements.isEmpty { values.report("there is none", field, allowed: allowed) }
    var found: [ServiceTree.Child] = []
    for element in elements {
      if case .mapping = element.node.content {
        if let group = group(element, services, depth: depth, &missing, &names) {
          found.append(group)
        }
        continue
      }
      guard let text = values.text(element, allowed: allowed) else { continue }
      guard let child = services.first(where: { $0.name == text }) else {
        values.report(
          "\(excerpt(text)) is no service of this application", element,
          allowed: services.map(\.name).joined(separator: ", "))
        continue
      }
      guard names.insert(text).inserted else {
        values.report("\(excerpt(text)) is there twice", element)
        continue
      }
      missing.removeAll { $0.text == text }
      found.append(child)
    }
    return found
  }

  private func group(
    _ field: Field, _ services: [ServiceTree.Child], depth: Int, _ missing: inout [ModuleName],
    _ names: inout Set<String>
  ) -> ServiceTree.Child? {
    guard ServiceTree.Range.depth.contains(depth + 1) else {
      values.report(
        "groups are nested too deep", field,
        allowed: "at most \(ServiceTree.Range.depth.upperBound) levels of supervisors")
      return nil
    }
    guard let given = values.fields(field, keys: Self.groupKeys),
      let nameField = values.required("group", in: given, allowed: ServiceGroupName.rule),
      let name = values.validated(nameField, as: ServiceGroupName.self),
      let list = values.required("children", in: given, allowed: "names of services, and groups")
    else { return nil }
    let isTaken = services.contains { $0.name == name.text } || !names.insert(name.text).inserted
    if isTaken { values.report("\(excerpt(name.text)) is the name of another child", nameField) }
    var tree = ServiceTree(children: [])
    read(&tree, given)
    tree.children = children(list, services, depth: depth + 1, &missing, &names)
    return .group(name, tree)
  }

  /// All services get the same tree and places; the first by name reserves what all of them need.
  private func complete(
    _ modules: [ApplicationManifest.Module], _ tree: ServiceTree, _ placement: PlacementRules
  ) -> [ApplicationManifest.Module] {
    let together = modules.filter { $0.configuration.kind == .service }
      .reduce(0) { $0 + $1.configuration.limits.memory.bytes }
    return modules.map { module in
      guard module.configuration.kind == .service else { return module }
      var module = module
      module.configuration.serviceTree = tree
      module.configuration.placement = placement
      module.configuration.placement.memory =
        module.name == tree.leader
        ? placement.memory ?? ByteCount(bytes: together) : ByteCount(bytes: 0)
      return module
    }
  }
}
