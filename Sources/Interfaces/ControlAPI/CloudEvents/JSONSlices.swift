internal import ControlAPIModel

/// Cuts JSON that is known to be valid into the texts of its parts, without changing a byte of
/// them: numbers keep their digits, objects their order.
enum JSONSlices {
  /// The members of an object, in order; `nil` when it is none.
  static func members(of json: ArraySlice<UInt8>) -> [(name: String, value: ArraySlice<UInt8>)]? {
    var scanner = Scanner(json)
    guard scanner.open(UInt8(ascii: "{")) else { return nil }
    var members: [(String, ArraySlice<UInt8>)] = []
    while let nameText = scanner.value() {
      guard let name = string(nameText), let value = scanner.value() else { return nil }
      members.append((name, value))
    }
    return members
  }

  /// The elements of an array, in order; `nil` when it is none.
  ///
  /// - Parameter maximum: those beyond are left out.
  static func elements(of json: ArraySlice<UInt8>, atMost maximum: Int) -> [ArraySlice<UInt8>]? {
    var scanner = Scanner(json)
    guard scanner.open(UInt8(ascii: "[")) else { return nil }
    var elements: [ArraySlice<UInt8>] = []
    while elements.count < maximum, let element = scanner.value() { elements.append(element) }
    return elements
  }

  /// The text of a string; `nil` when it is none.
  static func string(_ json: ArraySlice<UInt8>) -> String? {
    guard json.first == UInt8(ascii: "\"") else { return nil }
    let inner = json.dropFirst().dropLast()
    if !inner.contains(UInt8(ascii: "\\")) { return String(validating: inner, as: UTF8.self) }
    // Not a string after all, such as an escape of half a surrogate pair: then there is no text.
    return try? APIJSON.decode(String.self, from: [UInt8](json))
  }

  static func isNull(_ json: ArraySlice<UInt8>) -> Bool { json.elementsEqual("null".utf8) }
}

/// Goes over the values of one array or object.
private struct Scanner {
  private var rest: ArraySlice<UInt8>

  init(_ json: ArraySlice<UInt8>) { rest = json }

  mutating func open(_ bracket: UInt8) -> Bool {
    skipBetween()
    guard rest.first == bracket else { return false }
    rest.removeFirst()
    return true
  }

  /// The next value, or the name of a member; `nil` at the closing bracket.
  mutating func value() -> ArraySlice<UInt8>? {
    skipBetween()
    guard let first = rest.first else { return nil }
    var end = rest.startIndex
    switch first {
    case UInt8(ascii: "]"), UInt8(ascii: "}"): return nil
    case UInt8(ascii: "\""): end = endOfString(from: end)
    case UInt8(ascii: "["), UInt8(ascii: "{"): end = endOfNested(from: end)
    case _:
      while end < rest.endIndex, !Self.ends.contains(rest[end]) { end += 1 }
    }
    defer { rest = rest[end...] }
    return rest[..<end]
  }

  private static let spaces: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]
  private static let between = spaces + [UInt8(ascii: ","), UInt8(ascii: ":")]
  private static let ends = between + [UInt8(ascii: "]"), UInt8(ascii: "}")]

  private mutating func skipBetween() {
    while let first = rest.first, Self.between.contains(first) { rest.removeFirst() }
  }

  private func endOfString(from start: Int) -> Int {
    var index = start + 1
    while index < rest.endIndex {
      switch rest[index] {
      case UInt8(ascii: "\\"): index += 2
      case UInt8(ascii: "\""): return index + 1
      case _: index += 1
      }
    }
    return rest.endIndex
  }

  private func endOfNested(from start: Int) -> Int {
    var depth = 0
    var index = start
    while index < rest.endIndex {
      switch rest[index] {
      case UInt8(ascii: "\""):
        index = endOfString(from: index)
        continue
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        if depth == 0 { return index + 1 }
      case _: break
      }
      index += 1
    }
    return rest.endIndex
  }
}
