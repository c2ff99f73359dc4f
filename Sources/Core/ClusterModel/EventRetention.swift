/// How long events stay that nothing is owed for and no dead letter needs. Whichever bound is reached
/// first makes the oldest go.
public struct EventRetention: Hashable, Sendable {
  /// How many, about.
  public var events: Int
  /// Bytes of them and of the results of their deliveries, about.
  public var size: ByteCount
  /// How old, about; `nil` for no bound.
  public var age: Duration?

  /// Minutes to hours of a busy machine, and more than enough to be counted quickly.
  public static let defaultEvents = 100_000
  /// What a small machine can spare.
  public static let defaultSize = ByteCount.mebibytes(256)
  /// A week: long enough to notice over a weekend that something must be replayed.
  public static let defaultAge = Duration.seconds(7 * 86_400)

  public init(
    events: Int = defaultEvents, size: ByteCount = defaultSize, age: Duration? = defaultAge
  ) {
    self.events = events
    self.size = size
    self.age = age
  }
}

/// An event that is to be delivered again.
public struct Redelivery: Hashable, Sendable {
  public var offset: EventOffset
  public var namespace: Namespace
  /// Sorted.
  public var targets: [ModuleName]
  /// Of the targets that get it in order with others.
  public var orderKeys: [ModuleName: OrderKey]

  public init(
    offset: EventOffset, namespace: Namespace, targets: [ModuleName],
    orderKeys: [ModuleName: OrderKey] = [:]
  ) {
    self.offset = offset
    self.namespace = namespace
    self.targets = targets
    self.orderKeys = orderKeys
  }
}
