import ClusterModel

/// What a module is granted: `capabilities`.
struct CapabilityDecoder {
  let values: ValueReader
  /// Those that the application declares.
  let buckets: [BucketName]

  static let keys = Capability.grantable.map(\.rawValue) + ["on-denial"]
  static let stateKeys = ["access", "prefix"]
  /// Topic filters, or prefixes of one bucket.
  static let maximumGrants = 100
  static let maximumPrefix = 512

  func grants(_ fields: Fields) -> CapabilityGrants {
    guard let field = fields["capabilities"], let given = values.fields(field, keys: Self.keys)
    else { return .none }
    var grants = CapabilityGrants.none
    for capability in Capability.grantable {
      guard let field = given[capability.rawValue] else { continue }
      switch capability {
      case .publish: grants.publish = topics(field).sorted()
      case .state: grants.state = state(field).sorted { $0.bucket < $1.bucket }
      case .httpOut: grants.httpOut = HTTPGrantDecoder(values: values).grant(field)
      case .files: grants.files = FileGrantDecoder(values: values).grants(field)
      // Every module has them: there is no key.
      case .environment, .clocks, .random, .log: break
      }
    }
    grants.onDenial = given["on-denial"].flatMap(policy) ?? grants.onDenial
    return grants
  }

  private func policy(_ field: Field) -> DenialPolicy? {
    let allowed = DenialPolicy.allCases.map(\.rawValue).joined(separator: ", ")
    guard let text = values.text(field, allowed: allowed) else { return nil }
    if let policy = DenialPolicy(rawValue: text) { return policy }
    values.report("\(excerpt(text)) is not known", field, allowed: allowed)
    return nil
  }

  private func topics(_ field: Field) -> [TopicFilter] {
    let allowed = "a list of topic filters, like [\"alarms/#\"]"
    let elements = values.elements(field, limit: Self.maximumGrants, allowed: allowed) ?? []
    return unique(elements) { element in
      guard let filter = values.validated(element, as: TopicFilter.self) else { return nil }
      if filter.text.hasPrefix("$") {
        values.report(
          "\(excerpt(filter.text)) are topics of the platform", element,
          allowed: "a filter that does not begin with '$'")
      }
      return filter
    }
  }

  private func state(_ field: Field) -> [StateGrant] {
    let allowed = "a mapping from the name of each bucket to what may be done with it"
    return (values.entries(field, allowed: allowed) ?? []).compactMap { name, field in
      guard let bucket = bucket(name, field),
        let given = values.fields(field, keys: Self.stateKeys),
        let access = access(given)
      else { return nil }
      return StateGrant(bucket: bucket, access: access, prefixes: prefixes(given["prefix"]))
    }
  }

  private func bucket(_ name: String, _ field: Field) -> BucketName? {
    func complain(_ message: String, allowed: String) -> BucketName? {
      values.problems.add(message, at: field.keyPlace, path: field.path, allowed: allowed)
      return nil
    }
    if name.utf8.contains(UInt8(ascii: "/")) {
      return complain(
        "\(excerpt(name)) is a bucket of another namespace, which cannot be granted",
        allowed: "the name of a bucket of the same namespace")
    }
    guard BucketName.isValid(name) else {
      return complain("\(excerpt(name)) is not a valid bucket name", allowed: BucketName.rule)
    }
    let bucket = BucketName(unchecked: name)
    guard !buckets.contains(bucket) else { return bucket }
    var message = "there is no bucket \(excerpt(name)) in this manifest"
    if let meant = KeySuggestion.nearest(to: name, among: buckets.map(\.text)) {
      message += ", did you mean \"\(meant)\"?"
    }
    return complain(message, allowed: "a bucket that is declared under buckets, at the top")
  }

  private func access(_ fields: Fields) -> StateGrant.Access? {
    let allowed = StateGrant.Access.allCases.map(\.rawValue).joined(separator: ", ")
    guard let field = values.required("access", in: fields, allowed: allowed),
      let text = values.text(field, allowed: allowed)
    else { return nil }
    if let access = StateGrant.Access(rawValue: text) { return access }
    values.report("\(excerpt(text)) is not known", field, allowed: allowed)
    return nil
  }

  /// All keys when nothing is said.
  private func prefixes(_ field: Field?) -> [String] {
    guard let field else { return [""] }
    let allowed = "a text of at most \(Self.maximumPrefix) bytes, or a list of such"
    var elements = [field]
    if case .sequence = field.node.content {
      elements = values.elements(field, limit: Self.maximumGrants, allowed: allowed) ?? []
      if elements.isEmpty { values.report("there is no prefix", field, allowed: allowed) }
    }
    return unique(elements) { element in
      guard let text = values.text(element, allowed: allowed) else { return nil }
      guard text.isEmpty || (StateKey.isValid(text) && text.utf8.count <= Self.maximumPrefix) else {
        values.report("\(excerpt(text)) begins no key", element, allowed: allowed)
        return nil
      }
      return text
    }
  }

  private func unique<Value: Hashable>(
    _ elements: [Field], _ read: (Field) -> Value?
  ) -> [Value] {
    var found: [Value] = []
    for element in elements {
      guard let value = read(element) else { continue }
      if found.contains(value) { values.report("it is there twice", element) }
      found.append(value)
    }
    return found
  }
}
