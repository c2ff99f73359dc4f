import ClusterModel

/// Which servers a module may ask: `capabilities.http-out`.
struct HTTPGrantDecoder {
  let values: ValueReader

  static let keys = ["servers", "private", "response", "timeout"]
  static let maximumGrants = 100

  func grant(_ field: Field) -> HTTPGrant? {
    guard let given = values.fields(field, keys: Self.keys) else { return nil }
    let allowed = "a list of servers, like [api.example.com]"
    guard let named = values.required("servers", in: given, allowed: allowed) else { return nil }
    let servers = unique(named, HTTPServerPattern.self, allowed: allowed)
    if case .sequence(let elements) = named.node.content, elements.isEmpty {
      values.report("there is no server", named, allowed: allowed)
    }
    var grant = HTTPGrant(servers: servers)
    if let field = given["private"] {
      grant.privateAddresses = unique(
        field, AddressBlock.self, allowed: "a list of addresses, like [10.20.0.0/16]"
      ).sorted()
    }
    typealias Range = HTTPGrant.Range
    grant.responseSize =
      given["response"].flatMap { values.size($0, Range.responseSize, like: grant.responseSize) }
      ?? grant.responseSize
    grant.timeout =
      given["timeout"].flatMap { values.duration($0, Range.timeout, like: grant.timeout) }
      ?? grant.timeout
    return grant
  }

  private func unique<Value: ValidatedText>(
    _ field: Field, _ type: Value.Type, allowed: String
  ) -> [Value] {
    var found: [Value] = []
    for element in values.elements(field, limit: Self.maximumGrants, allowed: allowed) ?? [] {
      guard let value = values.validated(element, as: type) else { continue }
      if found.contains(value) { values.report("it is there twice", element) }
      found.append(value)
    }
    return found
  }
}
