/// One thing that is wrong in a manifest, and where.
public struct ManifestProblem: Hashable, Sendable {
  /// As the reader was given it: `wasmatrix.yaml`.
  public var file: String
  /// From 1.
  public var line: Int
  /// From 1, counted in Unicode scalars.
  public var column: Int
  /// Which value it is about: `modules.clean.triggers[0].topic`; empty for the whole file.
  public var path: String
  /// What is wrong, with the offending text in quotes.
  public var message: String
  /// What may stand there instead; `nil` when the message says it all.
  public var allowed: String?

  public init(
    file: String, line: Int, column: Int, path: String, message: String, allowed: String? = nil
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.path = path
    self.message = message
    self.allowed = allowed
  }
}

extension ManifestProblem: CustomStringConvertible {
  /// `wasmatrix.yaml:12:5: modules.clean.limits.memory: "12 apples" is not a size; allowed: ...`
  public var description: String {
    var text = "\(file):\(line):\(column): "
    if !path.isEmpty { text += "\(path): " }
    text += message
    if let allowed { text += "; allowed: \(allowed)" }
    return text
  }
}
