internal import ClusterModel

/// What an event gets for the attributes that its sender left out.
struct EventDefaults: Sendable {
  var id: String
  var source: String
  var type: String
}

/// Makes an event of CloudEvents attributes and data, whichever way they came, and checks every
/// rule of CloudEvents 1.0.2 (section 2.1 and 3) and the bounds of ``EventRules``.
struct EventAssembler: Sendable {
  var namespace: Namespace
  /// Where it goes, whatever its `topic` attribute says.
  var topic: Topic?
  /// For requests that need not be whole events.
  var defaults: EventDefaults?

  /// - Parameter attributes: by name, unset ones left out.
  /// - Throws: ``Problem`` with `event_invalid`, that names the attribute and the rule.
  func event(from attributes: [String: String], data: [UInt8]) throws(Problem) -> Event {
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
      try Self.check(name, value)
    }
    guard data.count <= EventRules.maximumData.bytes else {
      throw Problem(
        .tooLarge, code: "data_too_large",
        "the event's data is larger than "
          + "\(EventRules.maximumData)", next: "Send a reference to it instead.")
    }
    let version = try required("specversion", attributes, default: defaults == nil ? nil : "1.0")
    guard version == "1.0" else {
      throw Self.invalid(
        "specversion", "\"\(version.prefix(40))\" is not known; it must be \"1.0\"")
    }
    let type = try required("type", attributes, default: defaults?.type)
    let extensions = attributes.filter { name, _ in
      !EventRules.contextAttributes.contains(name) && name != "topic"
    }
    guard extensions.count <= EventRules.maximumExtensions else {
      throw Self.invalid(
        "extensions",
        "there are \(extensions.count); at most \(EventRules.maximumExtensions) may be")
    }
    return Event(
      id: try required("id", attributes, default: defaults?.id),
      source: try required("source", attributes, default: defaults?.source), type: type,
      topic: try destination(attributes, type: type), namespace: namespace,
      subject: attributes["subject"], time: attributes["time"].flatMap { WallInstant($0) },
      dataContentType: attributes["datacontenttype"], dataSchema: attributes["dataschema"],
      extensions: extensions.map { Event.Attribute(name: $0.key, value: $0.value) }, data: data)
  }

  private func required(
    _ name: String, _ attributes: [String: String], default absent: String?
  ) throws(Problem) -> String {
    guard let value = attributes[name] ?? absent else {
      throw Self.invalid(name, "it is required")
    }
    return value
  }

  private func destination(_ attributes: [String: String], type: String) throws(Problem) -> Topic {
    if let topic { return topic }
    let name = attributes["topic"] == nil ? "type" : "topic"
    let text = attributes["topic"] ?? type
    guard Topic.isValid(text) else {
      throw Self.invalid(
        name,
        "\"\(text.prefix(80))\" cannot be a topic: \(Topic.rule)"
          + (name == "type" ? "; name another with the topic attribute or ?topic=" : ""))
    }
    return Topic(unchecked: text)
  }

  /// The rules that an attribute follows by itself.
  private static func check(_ name: String, _ value: String) throws(Problem) {
    let isContext = EventRules.contextAttributes.contains(name)
    guard isContext || EventRules.isExtensionName(name) else {
      throw invalid(
        String(name.prefix(40)), "the name of an extension must be 1 to 20 of a-z and 0-9")
    }
    guard EventRules.isAttributeValue(value) else {
      throw invalid(
        name,
        "it must be 1 to \(EventRules.maximumAttributeLength) bytes of UTF-8 without control "
          + "characters")
    }
    switch name {
    case "source":
      guard URIText.isReference(value) else { throw invalid(name, "it must be a URI reference") }
    case "dataschema":
      guard URIText.isAbsolute(value) else { throw invalid(name, "it must be an absolute URI") }
    case "time":
      guard WallInstant(value) != nil else {
        throw invalid(name, "it must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z")
      }
    case "datacontenttype":
      guard MediaType(value) != nil else {
        throw invalid(name, "it must be a media type, such as application/json")
      }
    case _: break
    }
  }

  static func invalid(_ attribute: String, _ rule: String) -> Problem {
    Problem(
      .invalidInput, code: "event_invalid",
      "the attribute \"\(attribute)\" of the event is not valid: \(rule)",
      next: "CloudEvents 1.0.2 says what an event must be: https://cloudevents.io.")
  }
}
