import ClusterModel

/// Makes one bounded tree of the events of a text. What YAML offers beyond plain data is reported:
/// anchors, aliases, tags, merge keys, keys that are no texts, repeated keys, several documents.
struct TreeBuilder: ~Copyable {
  private var events: EventStream
  private let end: Place
  private let problems: ProblemList
  private var nodes = 0

  /// Why reading stopped before the end; reported already.
  private struct Stopped: Error {}

  /// A manifest needs 6 levels around a pattern, and one for its innermost values. Bounds the recursion here
  /// and in libyaml.
  static let maximumDepth = 6 + EventPattern.maximumDepth
  /// About ten times what the largest sensible manifest needs.
  static let maximumNodes = 200_000

  /// `end` is where the text ends: libyaml places what is missing there on the line after it.
  init(events: consuming EventStream, end: Place, problems: ProblemList) {
    self.events = events
    self.end = end
    self.problems = problems
  }

  /// The only document; `nil` when there is none or it cannot be read.
  mutating func document() -> ManifestNode? {
    guard let first = try? opening() else { return nil }  // What stopped it is reported.
    guard case .documentStart = first else { return nil }
    // What stopped it is reported.
    guard let root = try? node(from: try next(), path: .root, depth: 1) else { return nil }
    // The same: a text that breaks off after its document is reported as such.
    _ = try? closing()
    return root
  }

  private mutating func opening() throws(Stopped) -> EventStream.Event {
    _ = try next()
    return try next()
  }

  private mutating func closing() throws(Stopped) {
    _ = try next()
    if case .documentStart(let place) = try next() {
      problems.add("a second document begins here", at: place, allowed: "one document in a file")
    }
  }

  private mutating func next() throws(Stopped) -> EventStream.Event {
    let event = events.next()
    if case .failed(let failure) = event {
      problems.add("not valid YAML: \(failure.message)", at: min(failure.place, end))
      throw Stopped()
    }
    return event
  }

  private mutating func node(
    from event: EventStream.Event, path: ManifestPath, depth: Int
  ) throws(Stopped) -> ManifestNode {
    switch event {
    case .alias(let place):
      problems.add("aliases (*name) are not supported: write the value out", at: place, path: path)
      return try counted(ManifestNode(place: place, content: .unusable), path, depth)
    case .scalar(let scalar, let marks):
      let content = ManifestNode.Content.scalar(scalar.text, plain: scalar.plain)
      return try counted(checked(marks, content, path), path, depth)
    case .sequenceStart(let marks):
      var node = try counted(checked(marks, .sequence([]), path), path, depth)
      let elements = try elements(path: path, depth: depth)
      if case .sequence = node.content { node.content = .sequence(elements) }
      return node
    case .mappingStart(let marks):
      var node = try counted(checked(marks, .mapping([]), path), path, depth)
      let entries = try entries(path: path, depth: depth)
      if case .mapping = node.content { node.content = .mapping(entries) }
      return node
    case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd, .failed:
      preconditionFailure("libyaml hands out a value where its grammar has one")
    }
  }

  /// - Throws: when the tree grows too deep or too large.
  private mutating func counted(
    _ node: ManifestNode, _ path: ManifestPath, _ depth: Int
  ) throws(Stopped) -> ManifestNode {
    nodes += 1
    if depth > Self.maximumDepth {
      problems.add(
        "nested too deeply", at: node.place, path: path, allowed: "\(Self.maximumDepth) levels")
      throw Stopped()
    }
    if nodes > Self.maximumNodes {
      problems.add("too many values", at: node.place, allowed: "\(Self.maximumNodes)")
      throw Stopped()
    }
    return node
  }

  private func checked(
    _ marks: EventStream.Marks, _ content: ManifestNode.Content, _ path: ManifestPath
  ) -> ManifestNode {
    if marks.anchored {
      problems.add("anchors (&name) are not supported", at: marks.place, path: path)
    }
    if marks.tagged {
      problems.add("tags (!name) are not supported", at: marks.place, path: path)
    }
    let usable = !marks.anchored && !marks.tagged
    return ManifestNode(place: marks.place, content: usable ? content : .unusable)
  }

  private mutating func elements(
    path: ManifestPath, depth: Int
  ) throws(Stopped) -> [ManifestNode] {
    var elements: [ManifestNode] = []
    while true {
      let event = try next()
      if case .sequenceEnd = event { return elements }
      elements.append(
        try node(from: event, path: path.index(elements.count), depth: depth + 1))
    }
  }

  private mutating func entries(
    path: ManifestPath, depth: Int
  ) throws(Stopped) -> [ManifestNode.Entry] {
    var entries: [ManifestNode.Entry] = []
    var firstLines: [String: Int] = [:]
    while true {
      let event = try next()
      if case .mappingEnd = event { return entries }
      let keyNode = try node(from: event, path: path, depth: depth + 1)
      let key = usableKey(keyNode, path: path)
      let value = try node(from: next(), path: key.map(path.key) ?? path, depth: depth + 1)
      guard let key else { continue }
      if let line = firstLines[key] {
        problems.add(
          "the key is there twice, first on line \(line)", at: keyNode.place, path: path.key(key))
        continue
      }
      firstLines[key] = keyNode.place.line
      entries.append(ManifestNode.Entry(key: key, keyPlace: keyNode.place, value: value))
    }
  }

  /// `nil` for what cannot be a key, reported.
  private func usableKey(_ node: ManifestNode, path: ManifestPath) -> String? {
    switch node.content {
    case .scalar("<<", plain: true):
      problems.add("merge keys (<<) are not supported", at: node.place, path: path)
      return nil
    case .scalar(let text, _): return text
    case .sequence, .mapping:
      problems.add("\(node.kind) cannot be a key", at: node.place, path: path, allowed: "a text")
      return nil
    case .unusable: return nil
    }
  }
}
