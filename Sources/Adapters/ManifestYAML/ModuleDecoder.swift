import ClusterModel

/// One entry under `modules`.
struct ModuleDecoder {
  let values: ValueReader
  /// Those that the application declares.
  let buckets: [BucketName]

  static let keys = [
    "source", "version", "kind", "triggers", "publish", "args", "env", "limits", "retry",
    "concurrency", "idempotent", "placement", "capabilities", "restart", "shutdown",
  ]
  static let triggerKeys = ["topic", "where", "order-by", "group"]
  static let maximumTriggers = 100

  /// `nil` when a problem was reported; meaningless when any problem was.
  func module(from field: Field, named name: ModuleName) -> ApplicationManifest.Module? {
    guard let fields = values.fields(field, keys: Self.keys) else { return nil }
    let code = code(fields)
    let triggers = triggers(fields)
    let guest = GuestSettingsDecoder(values: values)
    let bounds = BoundsDecoder(values: values)
    let kind = kind(fields)
    ServiceDecoder(values: values).check(fields, kind)
    let configuration = DeploymentConfiguration(
      kind: kind, triggers: triggers.map(\.trigger),
      resultTopic: resultTopic(fields, triggers: triggers), arguments: guest.arguments(fields),
      environment: guest.environment(fields), limits: bounds.limits(fields),
      retry: bounds.retry(fields),
      concurrency: fields["concurrency"].flatMap {
        values.integer($0, DeploymentConfiguration.concurrencyRange)
      } ?? DeploymentConfiguration.defaultConcurrency,
      placement: PlacementDecoder(values: values).rules(fields),
      capabilities: CapabilityDecoder(values: values, buckets: buckets).grants(fields),
      isIdempotent: fields["idempotent"].flatMap { values.truth($0) } ?? false)
    return code.map {
      ApplicationManifest.Module(name: name, code: $0, configuration: configuration)
    }
  }

  private func code(_ fields: Fields) -> ApplicationManifest.Code? {
    let version = fields["version"].flatMap { values.validated($0, as: ModuleVersion.self) }
    guard let source = fields["source"] else {
      if let version { return .registered(version) }
      if fields["version"] == nil {
        let owner = fields.owner
        values.problems.add(
          "it says neither \"source\" nor \"version\"", at: owner.keyPlace, path: owner.path,
          allowed: "source: the path of a .wasm; version: one that is in the registry; or both")
      }
      return nil
    }
    return SourcePath(values: values).path(source).map { .source(path: $0, version: version) }
  }

  private func kind(_ fields: Fields) -> ModuleKind {
    let allowed = ModuleKind.allCases.map(\.rawValue).joined(separator: ", ")
    guard let field = fields["kind"], let text = values.text(field, allowed: allowed) else {
      return .command
    }
    if let kind = ModuleKind(rawValue: text) { return kind }
    values.report("\(excerpt(text)) is not a kind of module", field, allowed: allowed)
    return .command
  }

  /// A trigger, and where it stands.
  private struct PlacedTrigger {
    var trigger: Trigger
    var line: Int
  }

  private func triggers(_ fields: Fields) -> [PlacedTrigger] {
    let allowed = "a list of mappings, like \"- topic: sensors/+/raw\""
    guard let field = fields["triggers"],
      let elements = values.elements(field, limit: Self.maximumTriggers, allowed: allowed)
    else { return [] }
    var triggers: [PlacedTrigger] = []
    for element in elements {
      guard let fields = values.fields(element, keys: Self.triggerKeys),
        let topic = values.required("topic", in: fields, allowed: TopicFilter.rule),
        let filter = values.validated(topic, as: TopicFilter.self)
      else { continue }
      let pattern = fields["where"].flatMap { PatternDecoder(values: values).pattern($0) }
      let orderBy = fields["order-by"].flatMap { values.validated($0, as: OrderField.self) }
      let group = fields["group"].flatMap { values.validated($0, as: GroupName.self) }
      let trigger = Trigger(topic: filter, pattern: pattern, orderBy: orderBy, group: group)
      if let same = triggers.first(where: { $0.trigger == trigger }) {
        values.report("the same trigger is on line \(same.line) already", topic)
      }
      triggers.append(PlacedTrigger(trigger: trigger, line: topic.place.line))
    }
    return triggers
  }

  private func resultTopic(_ fields: Fields, triggers: [PlacedTrigger]) -> Topic? {
    guard let field = fields["publish"], let topic = values.validated(field, as: Topic.self) else {
      return nil
    }
    if topic.isPlatformOwn {
      values.report(
        "\(excerpt(topic.text)) is a topic of the platform", field,
        allowed: "a topic that does not begin with '$'")
    }
    // With a pattern it may be meant; then the bound on results of results ends what goes in circles.
    let own = triggers.first { $0.trigger.pattern == nil && $0.trigger.topic.matches(topic) }
    if let own {
      values.report(
        "\(excerpt(topic.text)) wakes this module itself (trigger \(excerpt(own.trigger.topic.text)) "
          + "on line \(own.line)), for ever",
        field, allowed: "a topic that no trigger of the same module matches")
    }
    return topic
  }
}
