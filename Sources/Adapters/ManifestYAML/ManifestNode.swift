/// A value of the file, with its place.
struct ManifestNode {
  var place: Place
  var content: Content

  enum Content {
    /// `plain` when it stands without quotes and block marks.
    case scalar(String, plain: Bool)
    case sequence([ManifestNode])
    /// Keys unique, in the order of the file.
    case mapping([Entry])
    /// Reported already: whoever meets it stays silent.
    case unusable
  }

  struct Entry {
    var key: String
    var keyPlace: Place
    var value: ManifestNode
  }

  /// What it is, for messages.
  var kind: String {
    switch content {
    case .scalar: isNull ? "empty" : "a text or number"
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .unusable: "unusable"
    }
  }

  /// Nothing, or one of the ways in which YAML writes null.
  var isNull: Bool {
    guard case .scalar(let text, plain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }
}
