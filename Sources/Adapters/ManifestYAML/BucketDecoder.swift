import ClusterModel

/// What an application keeps state in: `buckets`.
struct BucketDecoder {
  let values: ValueReader

  static let keys = ["consistency", "staleness", "value-size", "size", "ttl"]
  static let maximumBuckets = 100
  static let defaultStaleness = Duration.seconds(1)

  /// Complete, unless a problem was reported.
  func buckets(_ fields: Fields, of application: ApplicationName?) -> [Bucket] {
    guard let field = fields["buckets"],
      let entries = values.entries(
        field, allowed: "a mapping from the name of each bucket to what it is")
    else { return [] }
    if entries.count > Self.maximumBuckets {
      values.problems.add(
        "there are \(entries.count) buckets", at: entries[Self.maximumBuckets].field.keyPlace,
        path: field.path, allowed: "at most \(Self.maximumBuckets)")
    }
    return entries.prefix(Self.maximumBuckets).compactMap { name, field in
      guard BucketName.isValid(name) else {
        values.problems.add(
          "\(excerpt(name)) is not a valid bucket name", at: field.keyPlace, path: field.path,
          allowed: BucketName.rule)
        return nil
      }
      return bucket(field, named: BucketName(unchecked: name), of: application)
    }
  }

  private func bucket(
    _ field: Field, named name: BucketName, of application: ApplicationName?
  ) -> Bucket {
    var bucket = Bucket(name: name, application: application)
    // A name alone is a bucket like most.
    guard !field.node.isNull, let given = values.fields(field, keys: Self.keys) else {
      return bucket
    }
    typealias Range = Bucket.Range
    bucket.consistency = consistency(given)
    if let field = given["value-size"],
      let size = values.size(field, Range.maximumValue, like: Bucket.defaultMaximumValue)
    {
      bucket.maximumValue = size
    }
    if let field = given["size"],
      let size = values.size(field, Range.maximumSize, like: Bucket.defaultMaximumSize)
    {
      bucket.maximumSize = size
    }
    bucket.timeToLive = given["ttl"].flatMap {
      values.duration($0, Range.timeToLive, like: .seconds(3600))
    }
    return bucket
  }

  private func consistency(_ given: Fields) -> Bucket.Consistency {
    let allowed = "strong, cached"
    let word = given["consistency"].flatMap { values.text($0, allowed: allowed) } ?? "strong"
    let staleness = given["staleness"].flatMap {
      values.duration($0, Bucket.Range.staleness, like: Self.defaultStaleness)
    }
    switch word {
    case "cached": return .cached(staleness: staleness ?? Self.defaultStaleness)
    case "strong":
      if let field = given["staleness"] {
        values.report(
          "a strong bucket has no staleness", field, allowed: "with consistency: cached")
      }
    case let other:
      if let field = given["consistency"] {
        values.report("\(excerpt(other)) is not known", field, allowed: allowed)
      }
    }
    return .strong
  }
}
