internal import ClusterModel

/// Pieces of JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it).
enum Schema {
  static let string: JSONTree = ["type": "string"]
  static let bool: JSONTree = ["type": "boolean"]
  static let integer: JSONTree = ["type": "integer", "minimum": 0]
  static let number: JSONTree = ["type": "number", "minimum": 0]
  static let time: JSONTree = ["type": "string", "format": "date-time"]
  static let base64: JSONTree = ["type": "string", "contentEncoding": "base64"]
  /// Bytes that are no text: in OpenAPI 3.1 a body without a schema.
  static let bytes: JSONTree = [:]

  /// One of the schemas of ``Schemas``.
  static func ref(_ name: String) -> JSONTree {
    ["$ref": .string("#/components/schemas/" + name)]
  }

  static func array(_ items: JSONTree) -> JSONTree { ["type": "array", "items": items] }

  /// `{"items": [...]}`
  static func list(_ name: String) -> JSONTree {
    object(required: ["items": array(ref(name))])
  }

  /// `{"items": [...], "unanswered": [...]}`, with the nodes that did not answer.
  static func fleetList(_ name: String) -> JSONTree {
    object(required: ["items": array(ref(name)), "unanswered": array(string)])
  }

  static func map(_ values: JSONTree) -> JSONTree {
    ["type": "object", "additionalProperties": values]
  }

  static func texts<Value: RawRepresentable<String>>(_ values: [Value]) -> JSONTree {
    ["type": "string", "enum": .array(values.map { .string($0.rawValue) })]
  }

  static func object(
    required: [String: JSONTree], optional: [String: JSONTree] = [:]
  ) -> JSONTree {
    [
      "type": "object", "properties": .object(required.merging(optional) { _, new in new }),
      "required": .array(required.keys.sorted().map { .string($0) }),
    ]
  }
}
