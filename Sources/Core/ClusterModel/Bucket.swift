/// The name of a bucket in its namespace.
public struct BucketName: ValidatedText {
  public static let kind = "bucket name"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// A key within a bucket. Keys are ordered by their bytes.
public struct StateKey: ValidatedText {
  public static let kind = "key"
  public static let rule = "1 to 512 bytes of UTF-8 without control characters"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    (1...512).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
  }

  /// The same bytes, as in the store: texts that only look the same, an accented letter in one and in two
  /// code points, are two. (Their hashes may be equal.)
  public static func == (left: Self, right: Self) -> Bool {
    left.text == right.text && left.text.utf8.elementsEqual(right.text.utf8)
  }

  public static func < (left: Self, right: Self) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }
}

/// A place where state is kept outside of modules, and what it promises.
public struct Bucket: Hashable, Sendable, Codable {
  /// What a reader may rely on.
  public enum Consistency: Hashable, Sendable, Codable {
    /// Every read sees the newest write; compare-and-set decides between writers.
    case strong
    /// A read may be as old as `staleness`; writes are as in `strong`.
    case cached(staleness: Duration)
  }

  public var namespace: Namespace
  public var name: BucketName
  public var consistency: Consistency
  /// The longest value.
  public var maximumValue: ByteCount
  /// Keys, values and a little for each entry, together. A write beyond it is refused.
  public var maximumSize: ByteCount
  /// After how long an entry that was not written again is gone; `nil` for never.
  public var timeToLive: Duration?
  /// Whose manifest declares it; `nil` for one that was made by hand.
  public var application: ApplicationName?

  public static let defaultMaximumValue = ByteCount.mebibytes(1)
  public static let defaultMaximumSize = ByteCount.mebibytes(256)
  /// What an entry counts for beside its key and value.
  public static let entryOverhead = 64

  public enum Range {
    /// A value is held in memory as a whole, and rides in one message.
    public static let maximumValue = ByteCount(bytes: 1)...ByteCount.mebibytes(16)
    public static let maximumSize = ByteCount.kibibytes(1)...ByteCount.gibibytes(64)
    public static let staleness = Duration.milliseconds(1)...Duration.seconds(3600)
    public static let timeToLive = Duration.seconds(1)...Duration.seconds(86400 * 3650)
  }

  public init(
    namespace: Namespace = .default, name: BucketName, consistency: Consistency = .strong,
    maximumValue: ByteCount = defaultMaximumValue, maximumSize: ByteCount = defaultMaximumSize,
    timeToLive: Duration? = nil, application: ApplicationName? = nil
  ) {
    self.namespace = namespace
    self.name = name
    self.consistency = consistency
    self.maximumValue = maximumValue
    self.maximumSize = maximumSize
    self.timeToLive = timeToLive
    self.application = application
  }
}

extension Bucket {
  /// What is kept by one consistency must not be read as if it were kept by another.
  ///
  /// - Throws: ``Problem`` `bucket_consistency`.
  public func requireSameConsistency(as other: Bucket) throws(Problem) {
    switch (consistency, other.consistency) {
    case (.strong, .strong), (.cached, .cached): return
    case (.strong, .cached), (.cached, .strong):
      throw Problem(
        .conflict, code: "bucket_consistency", "bucket \(name) exists with another consistency",
        next: "Name another bucket, or remove this one with all that is in it.")
    }
  }
}

/// How often anything was written in a store: each write has a number of its own, larger than all
/// before it.
public struct StateRevision: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  public let number: Int64
  public init(_ number: Int64) { self.number = number }
  /// Before the first write.
  public static let none = StateRevision(0)
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
  public var description: String { String(number) }
  public init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(Int64.self)
  }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}

/// The value of a key.
public struct StateEntry: Hashable, Sendable {
  public var key: StateKey
  public var value: [UInt8]
  public var revision: StateRevision
  public var modifiedAt: WallInstant
  /// When it is gone; `nil` for never.
  public var expiresAt: WallInstant?

  public init(
    key: StateKey, value: [UInt8], revision: StateRevision, modifiedAt: WallInstant,
    expiresAt: WallInstant?
  ) {
    self.key = key
    self.value = value
    self.revision = revision
    self.modifiedAt = modifiedAt
    self.expiresAt = expiresAt
  }
}

/// What must be so for a write to take place.
public enum StateCondition: Hashable, Sendable {
  case always
  /// There is no entry.
  case absent
  /// The entry is still the one of this revision.
  case unchanged(since: StateRevision)
}

/// One write. Those of a batch take place together or not at all.
public struct StateWrite: Hashable, Sendable {
  public enum Action: Hashable, Sendable {
    case set([UInt8])
    case delete
    /// Made of the present value within the store, so that writers never lose each other's changes.
    case merge(MergeFunction, [UInt8])
  }

  public var bucket: BucketName
  public var key: StateKey
  public var action: Action
  public var condition: StateCondition

  public init(
    bucket: BucketName, key: StateKey, action: Action, condition: StateCondition = .always
  ) {
    self.bucket = bucket
    self.key = key
    self.action = action
    self.condition = condition
  }
}
