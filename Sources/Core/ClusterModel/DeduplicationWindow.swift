/// Within which bounds a repeated publish is known again by its source and id.
public struct DeduplicationWindow: Hashable, Sendable {
  /// How long after the first publish.
  public var duration: Duration
  /// Among how many of the newest publishes.
  public var count: Int

  /// Longer than a publisher tries again, however patient: ten minutes.
  public static let defaultDuration = Duration.seconds(600)
  /// What ten minutes bring at 160 events a second; about 12 MB on the disk.
  public static let defaultCount = 100_000

  public init(duration: Duration = defaultDuration, count: Int = defaultCount) {
    self.duration = duration
    self.count = count
  }
}
