import ClusterModel

/// The ways from an event to the fields that patterns name, each with a number.
struct PathTree: Sendable {
  static let root = 0
  /// By the number of a path: the fields below it. A field has a greater number than what it is below.
  private(set) var children: [[PatternText: Int]] = [[:]]

  mutating func child(of path: Int, named name: PatternText) -> Int {
    if let child = children[path][name] { return child }
    let child = children.count
    children[path][name] = child
    children.append([:])
    return child
  }

  /// Leaves out what leads to no path that is wanted. Numbers stay.
  mutating func prune(_ isWanted: (Int) -> Bool) {
    var isKept = [Bool](repeating: false, count: children.count)
    for path in children.indices.reversed() {
      children[path] = children[path].filter { isKept[$0.value] }
      isKept[path] = isWanted(path) || !children[path].isEmpty
    }
  }
}
