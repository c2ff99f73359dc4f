/// Where something begins in the text; both from 1.
struct Place: Hashable, Comparable {
  var line: Int
  var column: Int

  static let start = Place(line: 1, column: 1)

  static func < (left: Self, right: Self) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// Collects what is wrong while a manifest is read: sorted by place, bounded.
final class ProblemList {
  private let file: String
  private var problems: [ManifestProblem] = []
  private var omitted = 0

  init(file: String) { self.file = file }

  var isEmpty: Bool { problems.isEmpty }

  /// Keeps the problem behind those of the same place; the last one in the file gives way when
  /// there are too many.
  func add(_ message: String, at place: Place, path: ManifestPath = .root, allowed: String? = nil) {
    let problem = ManifestProblem(
      file: file, line: place.line, column: place.column, path: path.text, message: message,
      allowed: allowed)
    let index = problems.lastIndex { Place(line: $0.line, column: $0.column) <= place }
    problems.insert(problem, at: index.map { $0 + 1 } ?? 0)
    if problems.count > ManifestProblems.maximumCount {
      problems.removeLast()
      omitted += 1
    }
  }

  var all: ManifestProblems { ManifestProblems(problems: problems, omitted: omitted) }
}
