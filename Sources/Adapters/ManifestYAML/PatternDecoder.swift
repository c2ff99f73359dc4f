import ClusterModel

/// What stands under `where` of a trigger: an event pattern, written as YAML.
struct PatternDecoder {
  let values: ValueReader

  /// `nil` when a problem was reported.
  func pattern(_ field: Field) -> EventPattern? {
    guard let value = json(field) else { return nil }
    do throws(InvalidPattern) {
      return try EventPattern(value)
    } catch {
      values.report(error.message, Self.field(at: error.path, in: field), allowed: error.allowed)
      return nil
    }
  }

  /// The value as JSON has it. What stands in quotes is a text; what does not is null, true, false, a number
  /// as JSON writes it, or else a text.
  private func json(_ field: Field) -> JSONValue? {
    switch field.node.content {
    case .unusable: return nil
    case .scalar(let text, plain: false): return .string(text)
    case .scalar(let text, plain: true): return field.node.isNull ? .null : plain(text, field)
    case .sequence(let nodes):
      var elements: [JSONValue] = []
      for (index, node) in nodes.enumerated() {
        guard let element = json(Self.element(index, node, of: field)) else { return nil }
        elements.append(element)
      }
      return .array(elements)
    case .mapping(let entries):
      var members: [String: JSONValue] = [:]
      for entry in entries {
        guard let member = json(Self.member(entry, of: field)) else { return nil }
        members[entry.key] = member
      }
      return .object(members)
    }
  }

  private func plain(_ text: String, _ field: Field) -> JSONValue? {
    switch text {
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    case _: break
    }
    guard Self.isNumber(text) else { return .string(text) }
    if let integer = Int64(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      values.report(
        "\(excerpt(text)) is too large", field,
        allowed: "a number below 1.8e308; or quotes, for a text")
      return nil
    }
    return Int64(exactly: number).map { .integer($0) } ?? .number(number)
  }

  /// -0.5e+3, as JSON has it: no zero in front of other digits, digits on both sides of the point.
  private static func isNumber(_ text: String) -> Bool {
    var rest = text.utf8[...]
    func digits() -> Int {
      let count = rest.prefix { CharacterSets.isDigit($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    func skip(_ bytes: [UInt8]) -> Bool {
      guard let first = rest.first, bytes.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = skip([UInt8(ascii: "-")])
    let startsWithZero = rest.first == UInt8(ascii: "0")
    let whole = digits()
    guard whole == 1 || whole > 1 && !startsWithZero else { return false }
    if skip([UInt8(ascii: ".")]), digits() == 0 { return false }
    if skip([UInt8(ascii: "e"), UInt8(ascii: "E")]) {
      _ = skip([UInt8(ascii: "-"), UInt8(ascii: "+")])
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }

  private static func element(_ index: Int, _ node: ManifestNode, of field: Field) -> Field {
    Field(path: field.path.index(index), keyPlace: node.place, node: node)
  }

  private static func member(_ entry: ManifestNode.Entry, of field: Field) -> Field {
    Field(path: field.path.key(entry.key), keyPlace: entry.keyPlace, node: entry.value)
  }

  /// What a pattern complains of: as far down as there is something.
  private static func field(at path: [InvalidPattern.Step], in field: Field) -> Field {
    var found = field
    for step in path {
      switch (step, found.node.content) {
      case (.element(let index), .sequence(let nodes)) where nodes.indices.contains(index):
        found = element(index, nodes[index], of: found)
      case (.field(let name), .mapping(let entries)):
        guard let entry = entries.first(where: { $0.key == name }) else { return found }
        found = member(entry, of: found)
      case _: return found
      }
    }
    return found
  }
}
