internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// A request whose route is known, with its body read.
struct APIRequest: Sendable {
  let caller: Caller
  /// Where it comes from: an address without the port.
  let address: String
  let headers: HTTPFields
  let parameters: [String: String]
  let query: QueryParameters
  let body: [UInt8]
  /// The request itself, for answers that watch whether the client is still there.
  let underlying: Request

  /// A parameter of the path, checked.
  ///
  /// - Throws: ``Problem`` with `name_invalid`.
  func parameter<Text: ValidatedText>(_ name: String, as type: Text.Type = Text.self)
    throws(Problem) -> Text
  {
    try Self.checked(parameters[name] ?? "")
  }

  /// A parameter of the path that is a number.
  func number(_ name: String) throws(Problem) -> Int64 {
    let text = parameters[name] ?? ""
    guard let number = Int64(text), number >= 0, text.utf8.first != UInt8(ascii: "+") else {
      throw Problem(
        .invalidInput, code: "number_invalid", "\"\(text.prefix(40))\" in the path is not a number",
        next: "Write it in decimal digits.")
    }
    return number
  }

  static func checked<Text: ValidatedText>(_ text: String) throws(Problem) -> Text {
    do {
      return try Text(text)
    } catch {
      throw Problem(
        .invalidInput, code: "name_invalid", "\"\(error.text)\" is not a valid \(error.kind)",
        next: "Use \(error.rule).")
    }
  }

  /// The body as JSON.
  ///
  /// - Throws: ``Problem`` with `json_invalid`.
  func json<Value: Decodable>(_ type: Value.Type) throws(Problem) -> Value {
    try JSONBody.decode(type, from: body)
  }
}
