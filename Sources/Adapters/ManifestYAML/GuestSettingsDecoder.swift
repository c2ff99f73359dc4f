import ClusterModel

/// What a guest is given at its start: `args` and `env`.
struct GuestSettingsDecoder {
  let values: ValueReader

  static let maximumArguments = 100
  static let maximumVariables = 100
  static let maximumNameLength = 128
  static let maximumValueLength = ByteCount.kibibytes(32)

  /// The platform sets these itself.
  static let reservedPrefixes = ["CE_", "WASMATRIX_"]
  static let reservedNames = ["TRACEPARENT", "TRACESTATE"]

  func arguments(_ fields: Fields) -> [String] {
    let allowed = "a list of texts, like [\"--strict\"]"
    guard let field = fields["args"],
      let elements = values.elements(field, limit: Self.maximumArguments, allowed: allowed)
    else { return [] }
    return elements.compactMap(value)
  }

  func environment(_ fields: Fields) -> [EnvironmentVariable] {
    guard let field = fields["env"],
      let entries = values.entries(field, allowed: "a mapping from names to texts")
    else { return [] }
    if entries.count > Self.maximumVariables {
      values.problems.add(
        "there are \(entries.count) variables", at: entries[Self.maximumVariables].field.keyPlace,
        path: field.path, allowed: "at most \(Self.maximumVariables)")
    }
    return entries.prefix(Self.maximumVariables).compactMap { name, field in
      checkName(name, field)
      return value(field).map { EnvironmentVariable(name: name, value: $0) }
    }
  }

  private func checkName(_ name: String, _ field: Field) {
    let bytes = name.utf8
    let isName =
      (1...Self.maximumNameLength).contains(bytes.count)
      && bytes.allSatisfy { CharacterSets.isAlphanumeric($0) || $0 == 0x5f }
      && !CharacterSets.isDigit(bytes.first ?? 0x30)
    if !isName {
      values.problems.add(
        "\(excerpt(name)) is not a valid name of a variable", at: field.keyPlace, path: field.path,
        allowed: "1 to \(Self.maximumNameLength) of A-Z, a-z, 0-9 and '_', not beginning with 0-9")
    }
    if Self.reservedNames.contains(name) || Self.reservedPrefixes.contains(where: name.hasPrefix) {
      let reserved = Self.reservedPrefixes.map { "\($0)*" } + Self.reservedNames
      values.problems.add(
        "\(excerpt(name)) is set by the platform", at: field.keyPlace, path: field.path,
        allowed: "any name but \(reserved.joined(separator: ", "))")
    }
  }

  private func value(_ field: Field) -> String? {
    let allowed = "a text, number or truth value, at most \(Self.maximumValueLength); \"\" for none"
    guard let text = values.text(field, allowed: allowed) else { return nil }
    if text.utf8.contains(0) {
      values.report("the text holds a NUL character", field, allowed: allowed)
      return nil
    }
    if text.utf8.count > Self.maximumValueLength.bytes {
      values.report("the text is \(text.utf8.count) bytes long", field, allowed: allowed)
      return nil
    }
    return text
  }
}
