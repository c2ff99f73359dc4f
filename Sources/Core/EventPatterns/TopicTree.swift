import ClusterModel

/// Topic filters as a tree of levels, so that the work depends on the levels of a topic and not on how many
/// filters there are.
struct TopicTree: Sendable {
  /// Who has one filter.
  private struct Subscribers {
    var unconditional: [Int] = []
    var conditional: [(subscriber: Int, pattern: EventPattern)] = []
    var bucket: PatternBucket?

    mutating func insert(_ subscriber: Int, _ pattern: EventPattern?) {
      if let pattern {
        conditional.append((subscriber, pattern))
      } else {
        unconditional.append(subscriber)
      }
    }

    mutating func compile() {
      if !conditional.isEmpty { bucket = PatternBucket(conditional) }
      conditional = []
    }
  }

  private struct Node {
    /// By the bytes of a level: texts that only look alike are different levels, as in MQTT.
    var children: [PatternText: Int] = [:]
    /// The node below `+`.
    var anyLevel: Int?
    /// Whose filter ends here.
    var here = Subscribers()
    /// Whose filter ends with `#` here.
    var below = Subscribers()
  }

  private var nodes: [Node] = []
  private var roots: [Namespace: Int] = [:]

  mutating func insert(
    _ subscriber: Int, _ namespace: Namespace, _ filter: TopicFilter, _ pattern: EventPattern?
  ) {
    var index = root(of: namespace)
    for level in filter.levels {
      guard level != "#" else {
        nodes[index].below.insert(subscriber, pattern)
        return
      }
      index = child(of: index, at: level)
    }
    nodes[index].here.insert(subscriber, pattern)
  }

  /// Once everything is inserted.
  mutating func compile() {
    for index in nodes.indices {
      nodes[index].here.compile()
      nodes[index].below.compile()
    }
  }

  /// The subscribers of an event, in any order, perhaps more than once.
  ///
  /// - Parameter exceeded: those whose pattern would take too much work are added.
  func match(_ event: Event, data: JSONValue?, _ exceeded: inout [Int]) -> [Int] {
    var found: [Int] = []
    visit(event.topic, event.namespace) { subscribers in
      found += subscribers.unconditional
      subscribers.bucket?.match(event, data: data, &found, &exceeded)
      return true
    }
    return found
  }

  func needsData(for topic: Topic, in namespace: Namespace) -> Bool {
    var isNeeded = false
    visit(topic, namespace) { subscribers in
      isNeeded = subscribers.bucket?.needsData ?? false
      return !isNeeded
    }
    return isNeeded
  }

  /// Shows the subscribers of each filter that matches, as long as `look` wants more.
  private func visit(
    _ topic: Topic, _ namespace: Namespace, _ look: (borrowing Subscribers) -> Bool
  ) {
    guard let root = roots[namespace] else { return }
    var current = [root]
    let isOwn = topic.isPlatformOwn
    for (depth, level) in topic.levels.enumerated() {
      let wildcardsCount = !(isOwn && depth == 0)
      let name = PatternText(String(level))
      var next: [Int] = []
      for index in current {
        if wildcardsCount, !look(nodes[index].below) { return }
        if let child = nodes[index].children[name] { next.append(child) }
        if wildcardsCount, let child = nodes[index].anyLevel { next.append(child) }
      }
      current = next
      if current.isEmpty { return }
    }
    for index in current {
      // "a/#" wants "a" too.
      guard look(nodes[index].here), look(nodes[index].below) else { return }
    }
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
    let name = PatternText(String(level))
    if let child = nodes[index].children[name] { return child }
    let child = addNode()
    nodes[index].children[name] = child
    return child
  }

  private mutating func addNode() -> Int {
    nodes.append(Node())
    return nodes.count - 1
  }
}
