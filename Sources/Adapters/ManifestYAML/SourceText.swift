import ClusterModel

/// What is checked of the text before YAML is.
enum SourceText {
  /// Reports a text that is too long or holds what YAML forbids; only the first such character, as
  /// a binary file has thousands. Returns where a good text ends.
  static func check(_ text: String, problems: ProblemList) -> Place? {
    guard text.utf8.count <= ManifestReader.maximumSize.bytes else {
      problems.add(
        "the file is longer than \(ManifestReader.maximumSize)", at: .start,
        allowed: "at most \(ManifestReader.maximumSize)")
      return nil
    }
    var place = Place.start
    var previous: Unicode.Scalar = " "
    for scalar in text.unicodeScalars {
      if isForbidden(scalar) {
        let code = String(scalar.value, radix: 16, uppercase: true)
        let padding = String(repeating: "0", count: max(0, 4 - code.count))
        problems.add(
          "the character U+\(padding)\(code) cannot stand in a manifest", at: place,
          allowed: "printable text in UTF-8; other characters as escapes in double quotes")
        return nil
      }
      if scalar == "\n" && previous == "\r" {
        previous = scalar
        continue
      }
      if scalar == "\n" || scalar == "\r" {
        place = Place(line: place.line + 1, column: 1)
      } else {
        place.column += 1
      }
      previous = scalar
    }
    return place
  }

  /// Where the bytes stop being UTF-8: the line, and the column as far as it can be told.
  static func placeOfInvalidUTF8(in bytes: [UInt8]) -> Place {
    let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
    let index = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
    return Place(line: index + 1, column: 1)
  }

  /// Control characters, the line breaks that only YAML knows (editors would count lines otherwise)
  /// and what is no character.
  private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0a, 0x0d: false
    case 0..<0x20, 0x7f...0x9f, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: true
    default: false
    }
  }
}
