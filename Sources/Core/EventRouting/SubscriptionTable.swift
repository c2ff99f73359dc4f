public import ClusterModel

/// Which modules want the events of a topic: a tree of topic levels, so that the work depends on the
/// levels of the topic and not on how many subscriptions there are.
public struct SubscriptionTable: Sendable {
  private struct Node {
    /// By the bytes of a level: texts that only look alike are different levels, as in MQTT.
    var children: [[UInt8]: Int] = [:]
    /// The node below `+`.
    var anyLevel: Int?
    /// Modules whose filter ends here, sorted.
    var modules: [ModuleName] = []
    /// Modules whose filter ends with `#` here, sorted.
    var modulesBelow: [ModuleName] = []
  }

  private var nodes: [Node] = []
  private var roots: [Namespace: Int] = [:]

  /// The table of some filters; the same module may have several.
  public init(_ subscriptions: [(module: QualifiedName, filter: TopicFilter)] = []) {
    for (module, filter) in subscriptions { insert(module, filter) }
  }

  /// The modules that want an event, sorted, each once.
  public func modules(for topic: Topic, in namespace: Namespace) -> [ModuleName] {
    guard let root = roots[namespace] else { return [] }
    var found: Set<ModuleName> = []
    var current = [root]
    let isOwn = topic.isPlatformOwn
    for (depth, level) in topic.levels.enumerated() {
      let wildcardsCount = !(isOwn && depth == 0)
      var next: [Int] = []
      for index in current {
        if wildcardsCount { found.formUnion(nodes[index].modulesBelow) }
        if let child = nodes[index].children[Array(level.utf8)] { next.append(child) }
        if wildcardsCount, let child = nodes[index].anyLevel { next.append(child) }
      }
      current = next
      if current.isEmpty { break }
    }
    for index in current {
      found.formUnion(nodes[index].modules)
      // "a/#" wants "a" too.
      found.formUnion(nodes[index].modulesBelow)
    }
    return found.sorted()
  }

  private mutating func insert(_ module: QualifiedName, _ filter: TopicFilter) {
    var index = root(of: module.namespace)
    for level in filter.levels {
      guard level != "#" else {
        Self.add(module.name, to: &nodes[index].modulesBelow)
        return
      }
      index = child(of: index, at: level)
    }
    Self.add(module.name, to: &nodes[index].modules)
  }

  private mutating func root(of namespace: Namespace) -> Int {
    if let root = roots[namespace] { return root }
    let root = addNode()
    roots[namespace] = root
    return root
  }

  private mutating func child(of index: Int, at level: Substring) -> Int {
    if level == "+" {
      if let child = nodes[index].anyLevel { return child }
      let child = addNode()
      nodes[index].anyLevel = child
      return child
    }
    let key = Array(level.utf8)
    if let child = nodes[index].children[key] { return child }
    let child = addNode()
    nodes[index].children[key] = child
    return child
  }

  private mutating func addNode() -> Int {
    nodes.append(Node())
    return nodes.count - 1
  }

  private static func add(_ module: ModuleName, to modules: inout [ModuleName]) {
    guard !modules.contains(module) else { return }
    modules.append(module)
    modules.sort()
  }
}
