import Glibc

/// What the program may send to the terminal it runs in.
enum Terminal {
  /// Whether standard error is a terminal that shows colours and nobody asked for none
  /// (`NO_COLOR`, see no-color.org).
  static let showsColour: Bool = {
    guard isatty(STDERR_FILENO) == 1 else { return false }
    if let noColour = Environment.value("NO_COLOR"), !noColour.isEmpty { return false }
    return Environment.value("TERM") != "dumb"
  }()

  enum Style: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case dim = "2"
    case bold = "1"
  }

  /// `text` in a style, or as it is when standard error shows no colours.
  static func styled(_ text: String, _ style: Style) -> String {
    showsColour ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
  }

  /// `text` with control characters written out, so that nothing a module or a server says can
  /// steer the terminal.
  static func harmless(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: steers) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if steers(scalar) {
        result += scalar.escaped(asASCII: true)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func steers(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09: false
    case 0..<0x20, 0x7f..<0xa0: true
    // Marks that reorder text: what is read would not be what is there.
    case 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
    case _: false
    }
  }
}

/// The program's environment variables.
enum Environment {
  static func value(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
