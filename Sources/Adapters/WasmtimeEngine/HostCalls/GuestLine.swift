import ClusterModel
import Foundation

/// The lines that commands exchange with the platform: a request is a JSON object with one member, named
/// after the call; see docs/CAPABILITIES.md. Pure, and made for bytes that may be anything.
enum GuestLine {
  /// The longest line, its end included: a value of 1 MiB in base64, and room to spare.
  static let maximumLength = 2 << 20

  /// - Throws: ``Problem`` `request_invalid`, which says what is wrong with it.
  static func call(_ line: [UInt8]) throws(Problem) -> GuestCall {
    do {
      return try JSONDecoder().decode(Request.self, from: Data(line)).call
    } catch let problem as Problem {
      throw problem
    } catch {
      throw invalid("the line is no JSON object")
    }
  }

  static let tooLong = invalid("the line is longer than \(maximumLength) bytes")

  fileprivate static func invalid(_ message: String) -> Problem {
    Problem(
      .invalidInput, code: "request_invalid", message,
      next: "Write one JSON object a line, as docs/CAPABILITIES.md says.")
  }

  /// An answer with its final newline.
  static func line(_ answer: GuestAnswer) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts and whole numbers can be encoded, whatever they are.
    guard let data = try? encoder.encode(Answer(answer)) else {
      return Array(#"{"error":{"code":"internal_error","message":"no answer"}}"#.utf8) + [newline]
    }
    guard data.count < maximumLength else {
      return line(
        .refused(
          Problem(
            .tooLarge, code: "answer_too_large",
            "the answer is longer than \(maximumLength) bytes",
            next: "Keep values shorter, or list fewer of them.")))
    }
    return [UInt8](data) + [newline]
  }

  static let newline = UInt8(ascii: "\n")
}

/// A request as it stands in its line.
private struct Request: Decodable {
  let call: GuestCall

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    guard let name = container.allKeys.first, container.allKeys.count == 1 else {
      throw GuestLine.invalid("a request has one member, named after the call")
    }
    guard let known = Fields.known[name.stringValue] else {
      throw GuestLine.invalid(
        "there is no call \"\(name.stringValue.prefix(40))\"; there are "
          + Fields.known.keys.sorted().joined(separator: ", "))
    }
    let fields = try Fields(container, name, known)
    switch name.stringValue {
    case "publish": call = try fields.publish()
    case "get":
      call = .get(
        try fields.name("bucket"), try fields.name("key"),
        try fields.word("consistency") ?? .cached)
    case "list":
      let limit = try fields.number("limit") ?? 100
      guard GuestCall.listRange.contains(Int(clamping: limit)) else {
        throw GuestLine.invalid("limit can be \(GuestCall.listRange)")
      }
      call = .list(
        try fields.name("bucket"), prefix: try fields.text("prefix") ?? "",
        after: try fields.text("after").map { _ in try fields.name("after") }, limit: Int(limit))
    case "invalidate":
      call = .invalidate(try fields.name("bucket"), try fields.name("key"))
    case "http": call = .http(try fields.http())
    case let verb: call = .write(try fields.write(verb))
    }
  }

  struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

/// The members of a request's object.
private struct Fields {
  let call: String
  let container: KeyedDecodingContainer<Request.Name>

  static let known: [String: Set<String>] = [
    "publish": ["topic", "type", "subject", "datacontenttype", "data", "base64"],
    "get": ["bucket", "key", "consistency"],
    "set": ["bucket", "key", "value", "base64", "ifRevision"],
    "merge": ["bucket", "key", "function", "value", "base64", "ifRevision"],
    "delete": ["bucket", "key", "ifRevision"],
    "list": ["bucket", "prefix", "after", "limit"],
    "invalidate": ["bucket", "key"],
    "http": ["method", "url", "headers", "data", "base64"],
  ]

  init(
    _ container: KeyedDecodingContainer<Request.Name>, _ name: Request.Name, _ known: Set<String>
  ) throws {
    call = name.stringValue
    guard let inner = try? container.nestedContainer(keyedBy: Request.Name.self, forKey: name)
    else {
      throw GuestLine.invalid("\(name.stringValue) is no object")
    }
    self.container = inner
    if let other = inner.allKeys.first(where: { !known.contains($0.stringValue) }) {
      throw GuestLine.invalid(
        "\(call) has no \"\(other.stringValue.prefix(40))\"; it has "
          + known.sorted().joined(separator: ", "))
    }
  }

  /// `nil` when it is missing or `null`.
  func text(_ name: String) throws -> String? {
    do {
      return try container.decodeIfPresent(String.self, forKey: Request.Name(stringValue: name))
    } catch {
      throw GuestLine.invalid("\(name) is no text")
    }
  }

  func number(_ name: String) throws -> Int64? {
    do {
      return try container.decodeIfPresent(Int64.self, forKey: Request.Name(stringValue: name))
    } catch {
      throw GuestLine.invalid("\(name) is no whole number")
    }
  }

  func name<Value: ValidatedText>(_ name: String) throws -> Value {
    guard let text = try text(name) else { throw GuestLine.invalid("\(call) needs \(name)") }
    do throws(InvalidText) { return try Value(text) } catch {
      throw GuestLine.invalid(error.description)
    }
  }

  func word<Value: RawRepresentable<String> & CaseIterable>(_ name: String) throws -> Value? {
    guard let text = try text(name) else { return nil }
    guard let value = Value(rawValue: text) else {
      let words = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw GuestLine.invalid("\(name) can be \(words)")
    }
    return value
  }

  /// Bytes that stand as text or in base64; `nil` when neither is there.
  func bytes(_ name: String) throws -> [UInt8]? {
    let plain = try text(name)
    guard let encoded = try text("base64") else { return plain.map { Array($0.utf8) } }
    guard plain == nil else { throw GuestLine.invalid("there are \(name) and base64") }
    guard let data = Data(base64Encoded: encoded) else {
      throw GuestLine.invalid("base64 is none, as RFC 4648 has it")
    }
    return [UInt8](data)
  }

  func publish() throws -> GuestCall {
    let attributes = try ["type", "subject", "datacontenttype"].map { try text($0) }
    for attribute in attributes {
      guard attribute.map(EventRules.isAttributeValue) ?? true else {
        throw GuestLine.invalid(
          "attributes are 1 to \(EventRules.maximumAttributeLength) bytes without control characters"
        )
      }
    }
    return .publish(
      GuestPublish(
        topic: try name("topic"), type: attributes[0], subject: attributes[1],
        dataContentType: attributes[2], data: try bytes("data") ?? []))
  }

  func write(_ verb: String) throws -> StateWrite {
    let action: StateWrite.Action
    switch verb {
    case "delete": action = .delete
    case "merge":
      guard let function: MergeFunction = try word("function") else {
        throw GuestLine.invalid("merge needs function")
      }
      action = .merge(function, try value())
    case _: action = .set(try value())
    }
    let condition: StateCondition =
      switch try number("ifRevision") {
      case nil: .always
      case 0: .absent
      case let revision?: .unchanged(since: StateRevision(revision))
      }
    return StateWrite(
      bucket: try name("bucket"), key: try name("key"), action: action, condition: condition)
  }

  func http() throws -> HTTPCall {
    let method = try text("method") ?? "GET"
    guard HTTPRules.methods.contains(method) else {
      throw GuestLine.invalid("method can be \(HTTPRules.methods.joined(separator: ", "))")
    }
    guard let url = try text("url") else { throw GuestLine.invalid("http needs url") }
    guard let target = HTTPTarget(url) else {
      throw GuestLine.invalid("url can be \(HTTPTarget.rule)")
    }
    return HTTPCall(
      method: method, target: target, headers: try headers(), body: try bytes("data") ?? [])
  }

  /// Sorted by name, so that the same request is always the same.
  private func headers() throws -> [HTTPCall.Header] {
    let key = Request.Name(stringValue: "headers")
    let given: [String: String]
    do {
      given = try container.decodeIfPresent([String: String].self, forKey: key) ?? [:]
    } catch {
      throw GuestLine.invalid("headers is no object of texts")
    }
    guard given.count <= HTTPRules.maximumHeaders else {
      throw GuestLine.invalid("there are more than \(HTTPRules.maximumHeaders) headers")
    }
    let headers = given.map { HTTPCall.Header(name: $0.key.lowercased(), value: $0.value) }
    if let complaint = headers.lazy.compactMap(HTTPRules.complaint).first {
      throw GuestLine.invalid(complaint)
    }
    return headers.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
  }

  private func value() throws -> [UInt8] {
    guard let bytes = try bytes("value") else {
      throw GuestLine.invalid("\(call) needs value or base64")
    }
    return bytes
  }
}

/// An answer as it stands in its line.
private struct Answer: Encodable {
  private var ok: Bool?
  private var entries: [Entry]?
  private var entry: Entry?
  private var isEntry = false
  private var response: Response?
  private var error: Refusal?

  struct Response: Encodable {
    var status: Int
    var headers: [String: String]
    var data: String?
    var base64: String?

    /// Headers of one name are joined as RFC 9110 joins them.
    init(_ answer: HTTPAnswer) {
      status = answer.status
      headers = Dictionary(answer.headers.map { ($0.name, $0.value) }) { "\($0), \($1)" }
      data = String(validating: answer.body, as: UTF8.self)
      if data == nil { base64 = Data(answer.body).base64EncodedString() }
    }
  }

  struct Entry: Encodable {
    var key: StateKey
    var revision: StateRevision?
    var value: String?
    var base64: String?

    init(_ entry: GuestEntry) {
      key = entry.key
      revision = entry.revision
      value = String(validating: entry.value, as: UTF8.self)
      if value == nil { base64 = Data(entry.value).base64EncodedString() }
    }
  }

  struct Refusal: Encodable {
    var code: String
    var message: String

    init(_ problem: Problem) {
      code = problem.code
      message = problem.message + (problem.cause.map { " (\($0))" } ?? "")
    }
  }

  init(_ answer: GuestAnswer) {
    switch answer {
    case .done: ok = true
    case .entry(let found):
      ok = true
      isEntry = true
      entry = found.map { Entry($0) }
    case .entries(let found):
      ok = true
      entries = found.map { Entry($0) }
    case .response(let answer):
      ok = true
      response = Response(answer)
    case .ended(let denial): error = Refusal(denial.problem)
    case .refused(let problem): error = Refusal(problem)
    }
  }

  private enum CodingKeys: String, CodingKey { case ok, entry, entries, response, error }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(ok, forKey: .ok)
    // `null` says that there is none.
    if isEntry { try container.encode(entry, forKey: .entry) }
    try container.encodeIfPresent(entries, forKey: .entries)
    try container.encodeIfPresent(response, forKey: .response)
    try container.encodeIfPresent(error, forKey: .error)
  }
}
