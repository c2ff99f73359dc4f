import ClusterModel

/// What is said of a drain as it comes on: each thing once.
struct DrainProgress {
  enum Line: Equatable {
    /// Something is done.
    case step(String)
    /// Something to know.
    case note(String)
  }

  let node: NodeID
  /// What a plan had there at the last look.
  private var left: [DrainLook.Item]
  private var hasToldOfRuns = false
  private var isToldSilent = false

  /// More modules are counted, not named.
  private static let mostNames = 10

  /// - Parameter held: what was ready there before it was to be drained.
  init(of node: NodeID, holding held: [DrainLook.Item]) {
    self.node = node
    left = held.filter { $0.role != .byHand }
  }

  /// What is said when it is to be drained.
  var beginning: Line {
    let what = left.isEmpty ? "" : "; to be moved: \(Self.names(left))"
    return .note("\(node) gets nothing new" + what)
  }

  /// What is new since the last look.
  mutating func lines(for look: DrainLook) -> [Line] {
    switch look {
    case .silent:
      guard !isToldSilent else { return [] }
      isToldSilent = true
      return [.note("\(node) does not answer")]
    case .lost: return []
    case .left(let items, let running):
      isToldSilent = false
      let lines = departures(leaving: items)
      guard items.isEmpty, running > 0, !hasToldOfRuns else { return lines }
      hasToldOfRuns = true
      return lines + [.note("what runs there comes to its end: \(Self.count(running, "run"))")]
    case .empty: return departures(leaving: [])
    }
  }

  /// What was there at the last look and is not any more, in whatever role.
  private mutating func departures(leaving items: [DrainLook.Item]) -> [Line] {
    let there = Set(items.map(\.description))
    let gone = left.map(\.description).filter { !there.contains($0) }
    left = items
    return Self.distinct(gone).map { .step("\($0) has left \(node)") }
  }

  /// `clean@1.0.0, guard@2.1.0 and 7 more`
  static func names(_ items: [DrainLook.Item]) -> String {
    let names = distinct(items.map(\.description))
    let more = names.count - mostNames
    return names.prefix(mostNames).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  static func count(_ number: Int, _ thing: String) -> String {
    number == 1 ? "1 \(thing)" : "\(number) \(thing)s"
  }

  /// In the same order: two generations of a version, or two namespaces, are said once.
  private static func distinct(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }
}
