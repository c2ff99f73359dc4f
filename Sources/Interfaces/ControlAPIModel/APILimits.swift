public import ClusterModel

/// What the API takes and gives at the most.
public enum APILimits {
  /// The largest module, its signature section included.
  public static let module = ByteCount.mebibytes(64)
  /// A little beyond ``module``, so that what is barely too large is refused by the registry, in
  /// its words and with a security event.
  public static let moduleBody = ByteCount(bytes: module.bytes + (64 << 10))
  /// JSON bodies other than events: twice the largest manifest, escaped.
  public static let jsonBody = ByteCount.mebibytes(4)
  /// A batch of writes to state: a few of the largest values, in base64.
  public static let stateBody = ByteCount.mebibytes(32)
  /// A structured event: its data in base64 or escaped, and the attributes.
  public static let structuredBody = ByteCount(
    bytes: EventRules.maximumData.bytes * 2 + (1 << 20))
  /// The most events of one batch.
  public static let batch = 1000
  /// The most items of one answer.
  public static let page = 1000
  /// Items when the request does not say how many.
  public static let defaultPage = 100
  /// The longest `?wait=`.
  public static let wait = Duration.seconds(120)
}
