public import ClusterModel

/// Everything that is wrong in a manifest, in the order of the file.
public struct ManifestProblems: Error, Hashable, Sendable {
  /// The first ones, at most ``maximumCount``, sorted by line and column; never empty.
  public var problems: [ManifestProblem]
  /// How many more there are.
  public var omitted: Int

  /// More than these nobody reads before correcting the first ones.
  public static let maximumCount = 50

  public init(problems: [ManifestProblem], omitted: Int = 0) {
    self.problems = problems
    self.omitted = omitted
  }

  /// The same as the user hears it: category `invalidInput`, code `manifest_invalid`, one line of
  /// the message for each problem.
  public var problem: Problem {
    Problem(
      .invalidInput, code: "manifest_invalid", description,
      next: "docs/MANIFEST.md describes every key.")
  }
}

extension ManifestProblems: CustomStringConvertible {
  /// One line for each problem.
  public var description: String {
    var lines = problems.map(\.description)
    if omitted > 0 { lines.append("and \(omitted) more") }
    return lines.joined(separator: "\n")
  }
}
