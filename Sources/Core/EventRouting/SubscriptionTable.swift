public import ClusterModel
import EventPatterns

/// Which modules want an event: the triggers of all deployments, see `PatternIndex`.
public struct SubscriptionTable: Sendable {
  private let index: PatternIndex<ModuleName>
  /// The filters for the platform's own topics, each once: few, however many subscriptions there are.
  private let platformFilters: [Namespace: Set<TopicFilter>]

  /// The table of some triggers; the same module may have several.
  public init(_ subscriptions: [(module: QualifiedName, trigger: Trigger)] = []) {
    var filters: [Namespace: Set<TopicFilter>] = [:]
    for (module, trigger) in subscriptions where trigger.topic.text.hasPrefix("$") {
      filters[module.namespace, default: []].insert(trigger.topic)
    }
    platformFilters = filters
    index = PatternIndex(
      subscriptions.map { module, trigger in
        PatternIndex.Subscription(
          id: module.name, namespace: module.namespace, filter: trigger.topic,
          pattern: trigger.pattern)
      })
  }

  /// The modules that want an event, sorted, each once.
  ///
  /// - Parameter data: what its data says as JSON; `nil` when it is none that patterns look at.
  public func modules(for event: Event, data: JSONValue?) -> [ModuleName] {
    index.match(event, data: data)
  }

  /// The same.
  ///
  /// - Parameter exceeded: grows by the triggers whose pattern would take too much work for this event.
  func modules(for event: Event, data: JSONValue?, exceeded: inout Int) -> [ModuleName] {
    index.match(event, data: data, exceeded: &exceeded)
  }

  /// Whether `data` can make a difference for events of a topic.
  public func needsData(for topic: Topic, in namespace: Namespace) -> Bool {
    index.needsData(for: topic, in: namespace)
  }

  /// Whether some trigger could want an event of one of the platform's own topics, which others than filters
  /// that begin with `$` never match.
  func hasSubscribers(toPlatform topic: Topic, in namespace: Namespace) -> Bool {
    platformFilters[namespace]?.contains { $0.matches(topic) } ?? false
  }
}
