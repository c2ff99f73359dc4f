internal import ClusterModel

/// What the description says of one route.
struct Operation: Sendable {
  struct Parameter: Sendable {
    enum Place: String, Sendable { case path, query, header }
    let place: Place
    let name: String
    let about: String
    let schema: JSONTree

    static func query(_ name: String, _ about: String, _ schema: JSONTree = Schema.string)
      -> Parameter
    {
      Parameter(place: .query, name: name, about: about, schema: schema)
    }

    static func header(_ name: String, _ about: String, _ schema: JSONTree = Schema.string)
      -> Parameter
    {
      Parameter(place: .header, name: name, about: about, schema: schema)
    }

    /// `?limit=` of lists.
    static let limit = query(
      "limit", "How many items at the most.",
      ["type": "integer", "minimum": 1, "maximum": 1000, "default": 100])
    /// `?from=` of lists.
    static let from = query(
      "from", "The number of the first item.", ["type": "integer", "minimum": 0, "default": 0])
  }

  /// One answer that is no problem.
  struct Answer: Sendable {
    let status: Int
    let about: String
    /// By media type; empty when there is no body.
    let content: [String: JSONTree]
    var headers: [String: JSONTree] = [:]

    static func json(_ status: Int, _ about: String, _ schema: JSONTree) -> Answer {
      Answer(status: status, about: about, content: ["application/json": schema])
    }
  }

  /// Names it among all: `pushModule`.
  let id: String
  let summary: String
  var parameters: [Parameter] = []
  /// By media type; empty when there is no body.
  var body: [String: JSONTree] = [:]
  let answers: [Answer]
  /// What sorts of problem it answers with, beside those that all routes share.
  var problems: [Problem.Category] = []
  /// Whether it is about things in a namespace.
  var isNamespaced = true

  /// The query parameters that may be given.
  var queryNames: Set<String> {
    var names = Set(parameters.filter { $0.place == .query }.map(\.name))
    if isNamespaced { names.insert(CallerReader.namespaceParameter) }
    return names
  }
}
