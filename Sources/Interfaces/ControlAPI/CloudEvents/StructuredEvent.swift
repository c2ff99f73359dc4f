internal import ClusterModel
internal import ControlAPIModel

/// An event as one JSON object (CloudEvents JSON format 1.0.2).
enum StructuredEvent {
  /// - Throws: ``Problem`` with `json_invalid` or `event_invalid`.
  static func event(from json: [UInt8], using assembler: EventAssembler) throws(Problem) -> Event {
    try JSONBody.checkSyntax(json)
    return try event(ofChecked: json[...], using: assembler)
  }

  /// The events of a batch, in order.
  ///
  /// - Throws: ``Problem`` also with `batch_too_large`.
  static func batch(from json: [UInt8], using assembler: EventAssembler) throws(Problem)
    -> [Event]
  {
    try JSONBody.checkSyntax(json)
    guard let elements = JSONSlices.elements(of: json[...], atMost: APILimits.batch + 1) else {
      throw Problem(
        .invalidInput, code: "event_invalid", "a batch of events must be a JSON array")
    }
    guard elements.count <= APILimits.batch else {
      throw Problem(
        .tooLarge, code: "batch_too_large", "a batch holds at most \(APILimits.batch) events",
        next: "Send it in parts.")
    }
    var events: [Event] = []
    for (index, element) in elements.enumerated() {
      do throws(Problem) {
        events.append(try event(ofChecked: element, using: assembler))
      } catch {
        var problem = error
        problem.message = "event \(index) of the batch: \(error.message)"
        throw problem
      }
    }
    return events
  }

  private static func event(
    ofChecked json: ArraySlice<UInt8>, using assembler: EventAssembler
  ) throws(Problem) -> Event {
    guard let members = JSONSlices.members(of: json) else {
      throw Problem(.invalidInput, code: "event_invalid", "an event must be a JSON object")
    }
    var values: [String: ArraySlice<UInt8>] = [:]
    for (name, value) in members {
      guard values.updateValue(value, forKey: name) == nil else {
        throw EventAssembler.invalid(String(name.prefix(40)), "it is given twice")
      }
    }
    let text = values.removeValue(forKey: "data")
    let base64 = values.removeValue(forKey: "data_base64")
    var attributes: [String: String] = [:]
    for (name, value) in values {
      attributes[name] = try attribute(name, value)
    }
    let data = try data(text, base64: base64, attributes: &attributes)
    return try assembler.event(from: attributes, data: data)
  }

  /// The text of an attribute; `nil` when it is null, which means unset.
  private static func attribute(_ name: String, _ value: ArraySlice<UInt8>) throws(Problem)
    -> String?
  {
    if let text = JSONSlices.string(value) { return text }
    let written = String(decoding: value, as: UTF8.self)
    if written == "null" { return nil }
    let isContext = EventRules.contextAttributes.contains(name)
    if !isContext, written == "true" || written == "false" || Int32(written) != nil {
      return written
    }
    throw EventAssembler.invalid(
      String(name.prefix(40)),
      isContext ? "it must be a string" : "it must be a string, a boolean or a 32-bit integer")
  }

  /// The bytes of the data. JSON data is taken over byte by byte, as it stands in the event.
  private static func data(
    _ value: ArraySlice<UInt8>?, base64: ArraySlice<UInt8>?, attributes: inout [String: String]
  ) throws(Problem) -> [UInt8] {
    if let base64, !JSONSlices.isNull(base64) {
      guard value.map(JSONSlices.isNull) ?? true else {
        throw EventAssembler.invalid("data_base64", "it cannot stand beside data")
      }
      guard let text = JSONSlices.string(base64), let bytes = Base64.decode(text) else {
        throw EventAssembler.invalid("data_base64", "it must be a string in base64")
      }
      return bytes
    }
    guard let value, !JSONSlices.isNull(value) else { return [] }
    let type = attributes["datacontenttype"]
    // Without a type the data is JSON, and whoever passes it on should say so (section 3.1).
    if type == nil { attributes["datacontenttype"] = APIJSON.type }
    if type.map({ MediaType($0)?.isJSON ?? false }) ?? true { return [UInt8](value) }
    guard let text = JSONSlices.string(value) else {
      throw EventAssembler.invalid(
        "data", "it must be a string, because datacontenttype is not JSON")
    }
    return [UInt8](text.utf8)
  }
}
