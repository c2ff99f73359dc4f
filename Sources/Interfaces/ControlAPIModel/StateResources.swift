public import ClusterModel
public import HostPorts

/// A bucket, and what is in it. Times are in milliseconds.
public struct BucketResource: Hashable, Sendable, Codable {
  public var name: BucketName
  /// `strong` or `cached`.
  public var consistency: String
  /// Missing for `strong`.
  public var stalenessMilliseconds: Double?
  public var maximumValueBytes: ByteCount
  public var maximumSizeBytes: ByteCount
  /// Missing when entries stay for ever.
  public var timeToLiveMilliseconds: Double?
  public var entries: Int
  public var sizeBytes: ByteCount

  public init(_ status: BucketStatus) {
    let bucket = status.bucket
    name = bucket.name
    switch bucket.consistency {
    case .strong: consistency = "strong"
    case .cached(let staleness):
      consistency = "cached"
      stalenessMilliseconds = staleness.milliseconds
    }
    maximumValueBytes = bucket.maximumValue
    maximumSizeBytes = bucket.maximumSize
    timeToLiveMilliseconds = bucket.timeToLive?.milliseconds
    entries = status.entries
    sizeBytes = status.size
  }
}

/// The body of `PUT /v1/state/{bucket}`. What is missing has its default.
public struct BucketRequest: Hashable, Sendable, Codable {
  public var consistency: String?
  public var stalenessMilliseconds: Int?
  public var maximumValueBytes: Int?
  public var maximumSizeBytes: Int?
  public var timeToLiveMilliseconds: Int?

  public init(
    consistency: String? = nil, stalenessMilliseconds: Int? = nil, maximumValueBytes: Int? = nil,
    maximumSizeBytes: Int? = nil, timeToLiveMilliseconds: Int? = nil
  ) {
    self.consistency = consistency
    self.stalenessMilliseconds = stalenessMilliseconds
    self.maximumValueBytes = maximumValueBytes
    self.maximumSizeBytes = maximumSizeBytes
    self.timeToLiveMilliseconds = timeToLiveMilliseconds
  }

  /// The bucket it asks for.
  ///
  /// - Throws: ``Problem`` `bucket_invalid`.
  public func bucket(named name: BucketName) throws(Problem) -> Bucket {
    var bucket = Bucket(name: name)
    switch consistency ?? "strong" {
    case "strong":
      guard stalenessMilliseconds == nil else {
        throw Self.invalid("a strong bucket has no staleness")
      }
    case "cached":
      bucket.consistency = .cached(
        staleness: try Self.checked(
          stalenessMilliseconds.map { .milliseconds($0) } ?? .seconds(1), Bucket.Range.staleness,
          "stalenessMilliseconds"))
    case let other: throw Self.invalid("\"\(other.prefix(40))\" is neither strong nor cached")
    }
    if let maximumValueBytes {
      bucket.maximumValue = try Self.checked(
        ByteCount(bytes: maximumValueBytes), Bucket.Range.maximumValue, "maximumValueBytes")
    }
    if let maximumSizeBytes {
      bucket.maximumSize = try Self.checked(
        ByteCount(bytes: maximumSizeBytes), Bucket.Range.maximumSize, "maximumSizeBytes")
    }
    if let timeToLiveMilliseconds {
      bucket.timeToLive = try Self.checked(
        .milliseconds(timeToLiveMilliseconds), Bucket.Range.timeToLive, "timeToLiveMilliseconds")
    }
    return bucket
  }

  private static func checked<Value: Comparable>(
    _ value: Value, _ range: ClosedRange<Value>, _ name: String
  ) throws(Problem) -> Value {
    guard range.contains(value) else {
      throw invalid(
        "\(name) is not in range", next: "It can be \(range.lowerBound) to \(range.upperBound).")
    }
    return value
  }

  private static func invalid(_ message: String, next: String? = nil) -> Problem {
    Problem(.invalidInput, code: "bucket_invalid", message, next: next)
  }
}

/// The value of a key.
public struct StateEntryResource: Hashable, Sendable, Codable {
  public var key: StateKey
  public var revision: StateRevision
  public var modifiedAt: WallInstant
  /// Missing when it stays for ever.
  public var expiresAt: WallInstant?
  public var value: BytesResource

  public init(_ entry: StateEntry) {
    key = entry.key
    revision = entry.revision
    modifiedAt = entry.modifiedAt
    expiresAt = entry.expiresAt
    value = BytesResource(entry.value)
  }
}

/// What became of a key; a line of a watch.
public struct StateChangeResource: Hashable, Sendable, Codable {
  public var key: StateKey
  public var revision: StateRevision
  public var at: WallInstant
  /// Missing when it is gone.
  public var entry: StateEntryResource?

  public init(_ change: StateChange) {
    key = change.key
    revision = change.revision
    at = change.at
    entry = change.entry.map { StateEntryResource($0) }
  }
}

/// The body of `POST /v1/state`: writes that take place together or not at all.
public struct StateBatchRequest: Hashable, Sendable, Codable {
  public var writes: [Write]
  public init(writes: [Write]) { self.writes = writes }

  /// One write: with `value` it sets, with `merge` and `value` it merges, without both it deletes.
  public struct Write: Hashable, Sendable, Codable {
    public var bucket: BucketName
    public var key: StateKey
    public var value: BytesResource?
    public var merge: MergeFunction?
    /// Only when the entry is of this revision; 0: only when there is none.
    public var ifRevision: Int64?

    public init(
      bucket: BucketName, key: StateKey, value: BytesResource? = nil,
      merge: MergeFunction? = nil, ifRevision: Int64? = nil
    ) {
      self.bucket = bucket
      self.key = key
      self.value = value
      self.merge = merge
      self.ifRevision = ifRevision
    }
  }

  /// - Throws: ``Problem`` `batch_invalid`.
  public func stateWrites() throws(Problem) -> [StateWrite] {
    guard (1...Self.maximumWrites).contains(writes.count) else {
      throw Problem(
        .invalidInput, code: "batch_invalid",
        "a batch has 1 to \(Self.maximumWrites) writes, not \(writes.count)")
    }
    var converted: [StateWrite] = []
    for write in writes { converted.append(try write.stateWrite()) }
    return converted
  }

  /// One transaction holds up all other writers while it is carried out.
  public static let maximumWrites = 1000
}

extension StateBatchRequest.Write {
  fileprivate func stateWrite() throws(Problem) -> StateWrite {
    let action: StateWrite.Action
    switch (merge, value) {
    case (nil, nil): action = .delete
    case (nil, let value?): action = .set(value.bytes)
    case (let function?, let value?): action = .merge(function, value.bytes)
    case (_?, nil):
      throw Problem(
        .invalidInput, code: "batch_invalid", "the merge of \(key) has no value to merge with")
    }
    let condition: StateCondition =
      switch ifRevision {
      case nil: .always
      case 0: .absent
      case let revision?: .unchanged(since: StateRevision(revision))
      }
    return StateWrite(bucket: bucket, key: key, action: action, condition: condition)
  }
}

/// The revisions that a batch made, in its order.
public struct StateBatchResource: Hashable, Sendable, Codable {
  public var revisions: [StateRevision]
  public init(revisions: [StateRevision]) { self.revisions = revisions }
}
