import ClusterModel

/// A value under its key, or an element of a list.
struct Field {
  var path: ManifestPath
  /// Of the key, where there is one.
  var keyPlace: Place
  var node: ManifestNode

  var place: Place { node.place }
}

/// The values of a mapping by key, all of them known.
struct Fields {
  let owner: Field
  fileprivate let byKey: [String: Field]

  subscript(key: String) -> Field? { byKey[key] }
}

/// Takes values out of the tree; what is not as it should be is reported and read as `nil`.
struct ValueReader {
  let problems: ProblemList

  func report(_ message: String, _ field: Field, allowed: String? = nil) {
    problems.add(message, at: field.place, path: field.path, allowed: allowed)
  }

  private func reportKind(of field: Field, allowed: String) {
    if case .unusable = field.node.content { return }
    report("is \(field.node.kind)", field, allowed: allowed)
  }

  // The containers.

  /// The values of a mapping whose keys are names that the user chooses, in the order of the file.
  func entries(_ field: Field, allowed: String) -> [(key: String, field: Field)]? {
    guard case .mapping(let entries) = field.node.content else {
      reportKind(of: field, allowed: allowed)
      return nil
    }
    return entries.map { entry in
      let path = field.path.key(entry.key)
      return (entry.key, Field(path: path, keyPlace: entry.keyPlace, node: entry.value))
    }
  }

  /// The values of a mapping that knows only `keys`; reports the others.
  func fields(_ field: Field, keys: [String]) -> Fields? {
    let list = keys.joined(separator: ", ")
    guard let entries = entries(field, allowed: "a mapping with these keys: \(list)") else {
      return nil
    }
    for (key, field) in entries where !keys.contains(key) {
      var message = "unknown key"
      if let meant = KeySuggestion.nearest(to: key, among: keys) {
        message += ", did you mean \"\(meant)\"?"
      }
      problems.add(message, at: field.keyPlace, path: field.path, allowed: list)
    }
    let known = entries.filter { keys.contains($0.key) }
    return Fields(
      owner: field, byKey: Dictionary(known.map { ($0.key, $0.field) }) { first, _ in first })
  }

  /// Those values of a mapping whose keys are known; what else there is was reported before.
  func fields(_ field: Field, knownOf keys: [String]) -> Fields? {
    guard case .mapping = field.node.content, let entries = entries(field, allowed: "") else {
      return nil
    }
    let known = entries.filter { keys.contains($0.key) }
    return Fields(
      owner: field, byKey: Dictionary(known.map { ($0.key, $0.field) }) { first, _ in first })
  }

  /// The value of a key that must be there.
  func required(_ key: String, in fields: Fields, allowed: String) -> Field? {
    if let field = fields[key] { return field }
    let owner = fields.owner
    problems.add(
      "the required key \"\(key)\" is missing", at: owner.keyPlace, path: owner.path,
      allowed: allowed)
    return nil
  }

  /// The elements of a list; what comes after the first `limit` ones is reported and left out.
  func elements(_ field: Field, limit: Int, allowed: String) -> [Field]? {
    guard case .sequence(let nodes) = field.node.content else {
      reportKind(of: field, allowed: allowed)
      return nil
    }
    let all = nodes.enumerated().map { index, node in
      Field(path: field.path.index(index), keyPlace: node.place, node: node)
    }
    if all.count > limit {
      report("there are \(all.count)", all[limit], allowed: "at most \(limit)")
    }
    return Array(all.prefix(limit))
  }

  // The scalars.

  /// A text, or a number or truth value taken as it is written.
  func text(_ field: Field, allowed: String) -> String? {
    guard case .scalar(let text, _) = field.node.content, !field.node.isNull else {
      reportKind(of: field, allowed: allowed)
      return nil
    }
    return text
  }

  func validated<Value: ValidatedText>(_ field: Field, as type: Value.Type) -> Value? {
    guard let text = text(field, allowed: Value.rule) else { return nil }
    guard let value = try? Value(text) else {  // The error says what is said here.
      report("\(excerpt(text)) is not a valid \(Value.kind)", field, allowed: Value.rule)
      return nil
    }
    return value
  }

  func integer(_ field: Field, _ range: ClosedRange<Int>) -> Int? {
    let allowed = "a whole number, \(range.lowerBound) to \(range.upperBound)"
    guard let text = text(field, allowed: allowed) else { return nil }
    guard case .scalar(_, plain: true) = field.node.content else {
      report("\(excerpt(text)) is a text: leave the quotes out", field, allowed: allowed)
      return nil
    }
    let digits = text.utf8.dropFirst(text.hasPrefix("-") ? 1 : 0)
    guard !digits.isEmpty, digits.allSatisfy(CharacterSets.isDigit) else {
      report("\(excerpt(text)) is not a whole number", field, allowed: allowed)
      return nil
    }
    guard let value = Int(text), range.contains(value) else {
      let side = text.hasPrefix("-") || Int(text) ?? .max < range.lowerBound ? "small" : "large"
      report("\(excerpt(text)) is too \(side)", field, allowed: allowed)
      return nil
    }
    return value
  }

  func truth(_ field: Field) -> Bool? {
    let allowed = "true, false"
    guard let text = text(field, allowed: allowed) else { return nil }
    guard case .scalar(_, plain: true) = field.node.content, let value = Bool(text) else {
      report("\(excerpt(text)) is neither true nor false", field, allowed: allowed)
      return nil
    }
    return value
  }

  /// A number with or without decimals.
  func number(_ field: Field, _ range: ClosedRange<Double>) -> Double? {
    let allowed = "a number, \(range.lowerBound) to \(range.upperBound)"
    guard let text = text(field, allowed: allowed) else { return nil }
    guard case .scalar(_, plain: true) = field.node.content, let value = Double(text),
      value.isFinite
    else {
      report("\(excerpt(text)) is not a number", field, allowed: allowed)
      return nil
    }
    guard range.contains(value) else {
      report(
        "\(excerpt(text)) is too \(value < range.lowerBound ? "small" : "large")", field,
        allowed: allowed)
      return nil
    }
    return value
  }

  func size(_ field: Field, _ range: ClosedRange<ByteCount>, like example: ByteCount) -> ByteCount?
  {
    quantity(field, .size(range, like: example)).map { ByteCount(bytes: Int($0)) }
  }

  func duration(
    _ field: Field, _ range: ClosedRange<Duration>, like example: Duration
  ) -> Duration? {
    quantity(field, .duration(range, like: example)).map { .nanoseconds($0) }
  }

  private func quantity(_ field: Field, _ quantity: Quantity) -> Int64? {
    guard let text = text(field, allowed: quantity.allowed) else { return nil }
    switch quantity.read(text) {
    case .value(let value): return value
    case .notSuch:
      report("\(excerpt(text)) is not \(quantity.noun)", field, allowed: quantity.allowed)
    case .withoutUnit:
      let units = quantity.units.map(\.name).joined(separator: ", ")
      report("\(excerpt(text)) has no unit (\(units))", field, allowed: quantity.allowed)
    case .tooSmall: report("\(excerpt(text)) is too small", field, allowed: quantity.allowed)
    case .tooLarge: report("\(excerpt(text)) is too large", field, allowed: quantity.allowed)
    }
    return nil
  }
}
