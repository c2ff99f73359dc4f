/// Any JSON value.
enum AnyJSON: Decodable, Hashable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([AnyJSON])
  case object([String: AnyJSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([AnyJSON].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: AnyJSON].self))
    }
  }

  /// A member of an object; `null` when there is none.
  subscript(_ name: String) -> AnyJSON { members[name] ?? .null }

  var members: [String: AnyJSON] {
    if case .object(let members) = self { members } else { [:] }
  }

  var elements: [AnyJSON] {
    if case .array(let elements) = self { elements } else { [] }
  }

  var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The targets of every `$ref` within.
  func references() -> [String] {
    elements.flatMap { $0.references() }
      + members.flatMap { name, value in
        name == "$ref" ? [value.text ?? ""] : value.references()
      }
  }
}

/// Compares values with the schemas of an OpenAPI document: the keywords that ours uses. Stricter
/// than JSON Schema in one thing: a member that is not described is wrong.
struct SchemaChecker {
  let document: AnyJSON

  func complaints(_ value: AnyJSON, _ schemaName: String) throws -> [String] {
    complaints(value, document["components"]["schemas"][schemaName], at: schemaName)
  }

  private func complaints(_ value: AnyJSON, _ schema: AnyJSON, at place: String) -> [String] {
    if let reference = schema["$ref"].text {
      let name = String(reference.split(separator: "/").last ?? "")
      return complaints(value, document["components"]["schemas"][name], at: place)
    }
    var wrong: [String] = []
    if !schema["enum"].elements.isEmpty, !schema["enum"].elements.contains(value) {
      wrong.append("\(place): \(value) is not one of \(schema["enum"].elements)")
    }
    switch (schema["type"].text, value) {
    case ("string", .string), ("boolean", .bool), ("number", .number): break
    case ("integer", .number(let number)):
      if number != number.rounded() { wrong.append("\(place): not whole") }
    case ("array", .array(let elements)):
      for (index, element) in elements.enumerated() {
        wrong += complaints(element, schema["items"], at: "\(place)[\(index)]")
      }
    case ("object", .object(let members)):
      for name in schema["required"].elements.compactMap(\.text) where members[name] == nil {
        wrong.append("\(place): \(name) is missing")
      }
      for (name, member) in members.sorted(by: { $0.key < $1.key }) {
        let known = schema["properties"].members[name] ?? schema["additionalProperties"]
        wrong +=
          known == .null
          ? ["\(place): \(name) is not described"]
          : complaints(member, known, at: place + "." + name)
      }
    case let (type, value): wrong.append("\(place): \(value) is no \(type ?? "known type")")
    }
    return wrong
  }
}
