public import ClusterModel

/// Who wants an event, out of many who said so by a topic filter and perhaps a pattern, without a look at most
/// of them.
///
///     event ──topic──> filters that match ──keys of the event──> patterns filed under one ──all tests──> ids
///
/// Filters lie in a tree of topic levels. All patterns of one filter lie together, each distinct one once, filed
/// under what an event must have for it to match: of all its tests the one that the fewest others share. An
/// event is walked once along the paths of these tests; values and texts are found by hash, prefixes and
/// suffixes by one search in sorted order, ranges in a tree of intervals. What is found so is then checked in
/// full, by the same code that a single pattern is (``EventPattern/matches(_:data:)``).
///
/// **Time** to match an event: the levels of its topic, plus for each filter that matches it: its values on the
/// paths of keys (each costs a search, and each range around a number a step), a byte of scratch memory for each
/// key and pattern, and the full check of those patterns that share a key with it, each of at most 100,000 steps
/// (`MatchingWork`). In the worst case, when all patterns share everything, it is that for all of them, as
/// without an index.
///
/// **Memory**: each distinct pattern of a filter once, with a few words for each test and each subscription; no
/// alternatives are multiplied out, so that it grows with the size of what was written and no faster.
///
/// It is built as a whole: deployments change seldom, and building takes some microseconds a pattern.
public struct PatternIndex<ID: Hashable & Comparable & Sendable>: Sendable {
  public struct Subscription: Sendable {
    public var id: ID
    public var namespace: Namespace
    public var filter: TopicFilter
    /// `nil` for all events of the topics.
    public var pattern: EventPattern?

    public init(id: ID, namespace: Namespace, filter: TopicFilter, pattern: EventPattern?) {
      self.id = id
      self.namespace = namespace
      self.filter = filter
      self.pattern = pattern
    }
  }

  /// Sorted, each once; subscribers are places in it.
  private let ids: [ID]
  private let tree: TopicTree

  /// The same id may have several subscriptions.
  public init(_ subscriptions: [Subscription] = []) {
    let ids = Set(subscriptions.map(\.id)).sorted()
    var places: [ID: Int] = [:]
    for (place, id) in ids.enumerated() { places[id] = place }
    var tree = TopicTree()
    for subscription in subscriptions {
      guard let place = places[subscription.id] else { continue }
      tree.insert(place, subscription.namespace, subscription.filter, subscription.pattern)
    }
    tree.compile()
    self.ids = ids
    self.tree = tree
  }

  /// Who wants an event, sorted, each once.
  ///
  /// - Parameter data: see ``EventPattern/matches(_:data:)``; of no account where ``needsData(for:in:)`` is
  ///   false.
  public func match(_ event: Event, data: JSONValue?) -> [ID] {
    var exceeded = 0
    return match(event, data: data, exceeded: &exceeded)
  }

  /// The same.
  ///
  /// - Parameter exceeded: grows by the subscriptions whose pattern would take too much work for this event:
  ///   they do not get it.
  public func match(_ event: Event, data: JSONValue?, exceeded: inout Int) -> [ID] {
    var tooMuch: [Int] = []
    let places = tree.match(event, data: data, &tooMuch).sorted()
    exceeded += tooMuch.count
    var matched: [ID] = []
    var last = -1
    for place in places where place != last {
      matched.append(ids[place])
      last = place
    }
    return matched
  }

  /// Whether the data of an event can change who wants it, so that it is worth to be parsed.
  public func needsData(for topic: Topic, in namespace: Namespace) -> Bool {
    tree.needsData(for: topic, in: namespace)
  }
}
