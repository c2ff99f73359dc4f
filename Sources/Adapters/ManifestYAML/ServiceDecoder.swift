import ClusterModel

/// What only services have, and what they have not: `kind: service`.
struct ServiceDecoder {
  let values: ValueReader

  /// What makes sense for what is woken by events alone, and why.
  static let keysOfCommands = [
    ("triggers", "nothing wakes a service: it runs always"),
    ("publish", "a service has no result; it publishes under capabilities.publish"),
    ("retry", "a service is restarted, as \"restart\" and \"supervision\" say"),
    ("concurrency", "a service is one instance"),
    ("idempotent", "nobody asks a service"),
    ("placement", "services are placed together: say it below \"supervision\""),
  ]
  static let keysOfServices = ["restart", "shutdown"]
  static let limitKeys = ["memory", "outstanding-calls", "open-files"]

  /// Reports what does not go together.
  func check(_ fields: Fields, _ kind: ModuleKind) {
    switch kind {
    case .command:
      for key in Self.keysOfServices {
        guard let field = fields[key] else { continue }
        report("only services have it", field, allowed: "kind: service")
      }
    case .service:
      for (key, reason) in Self.keysOfCommands {
        guard let field = fields[key] else { continue }
        report(reason, field, allowed: "no \(key)")
      }
      checkLimits(fields)
    }
  }

  private func checkLimits(_ fields: Fields) {
    guard let field = fields["limits"],
      case .mapping(let entries) = field.node.content
    else { return }
    for entry in entries
    where BoundsDecoder.limitKeys.contains(entry.key) && !Self.limitKeys.contains(entry.key) {
      values.problems.add(
        "it is a limit of one activation, and a service runs for long", at: entry.keyPlace,
        path: field.path.key(entry.key), allowed: Self.limitKeys.joined(separator: ", "))
    }
  }

  private func report(_ message: String, _ field: Field, allowed: String) {
    values.problems.add(message, at: field.keyPlace, path: field.path, allowed: allowed)
  }

  func restart(_ fields: Fields) -> RestartType {
    let allowed = RestartType.allCases.map(\.rawValue).joined(separator: ", ")
    guard let field = fields["restart"], let text = values.text(field, allowed: allowed) else {
      return .permanent
    }
    if let type = RestartType(rawValue: text) { return type }
    values.report("\(excerpt(text)) is not known", field, allowed: allowed)
    return .permanent
  }

  func shutdown(_ fields: Fields) -> ServiceShutdown {
    guard let field = fields["shutdown"] else { return .standard }
    if case .scalar("kill", _) = field.node.content { return .kill }
    return values.duration(field, ServiceShutdown.range, like: .seconds(5)).map { .within($0) }
      ?? .standard
  }
}
