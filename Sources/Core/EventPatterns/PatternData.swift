public import ClusterModel

/// Which data patterns look at. Data beyond these bounds is for patterns as if it were no JSON, so that one
/// event can cost no more than the product of what is here with the tests of all patterns.
public enum PatternData {
  /// As much as EventBridge takes in one event.
  public static let maximumSize = ByteCount.kibibytes(256)
  /// Objects and arrays within each other: twice as deep as a pattern.
  public static let maximumDepth = 2 * EventPattern.maximumDepth
  /// Values, those within others included. A day of minutes is 1,440.
  public static let maximumValues = 4096
}
