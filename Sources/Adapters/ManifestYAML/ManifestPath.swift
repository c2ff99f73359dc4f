/// The way to a value: `modules.clean.triggers[0].topic`.
struct ManifestPath: Hashable {
  let text: String

  static let root = ManifestPath(text: "")

  /// A key that is no plain word appears in quotes, cut and escaped.
  func key(_ key: String) -> ManifestPath {
    let isWord =
      (1...63).contains(key.utf8.count)
      && key.utf8.allSatisfy { CharacterSets.isAlphanumeric($0) || $0 == 0x2d || $0 == 0x5f }
    let step = isWord ? key : excerpt(key)
    return ManifestPath(text: text.isEmpty ? step : "\(text).\(step)")
  }

  func index(_ index: Int) -> ManifestPath { ManifestPath(text: "\(text)[\(index)]") }
}

/// A piece of the file for a message: in quotes, at most 60 characters, without control characters.
func excerpt(_ text: String) -> String {
  let longest = 60
  var quoted = "\""
  for (count, scalar) in text.unicodeScalars.enumerated() {
    if count == longest { return quoted + "...\"" }
    quoted += scalar.escaped(asASCII: scalar.properties.generalCategory.isInvisible)
  }
  return quoted + "\""
}

extension Unicode.GeneralCategory {
  /// What could play tricks with a terminal: controls, directions, breaks, private use.
  fileprivate var isInvisible: Bool {
    switch self {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
    default: false
    }
  }
}

/// ASCII, as the formats know it.
enum CharacterSets {
  static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) }

  static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) }
}
