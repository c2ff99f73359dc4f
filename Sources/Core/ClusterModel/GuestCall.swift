/// What a guest asks of the platform.
public enum GuestCall: Hashable, Sendable {
  case publish(GuestPublish)
  case get(BucketName, StateKey, ReadConsistency)
  /// To set, delete or merge.
  case write(StateWrite)
  /// Entries whose keys begin with a prefix, from the key after `after` on.
  case list(BucketName, prefix: String, after: StateKey?, limit: Int)
  /// The node's cache forgets a key.
  case invalidate(BucketName, StateKey)
  /// Asks a server, at once.
  case http(HTTPCall)

  /// Entries of one list: so many fit into an answer, and no call takes long.
  public static let listRange = 1...1000

  /// What it is called in requests and messages.
  public var name: String {
    switch self {
    case .publish: "publish"
    case .get: "get"
    case .list: "list"
    case .invalidate: "invalidate"
    case .http: "http"
    case .write(let write):
      switch write.action {
      case .set: "set"
      case .delete: "delete"
      case .merge: "merge"
      }
    }
  }
}

/// How new what is read must be.
public enum ReadConsistency: String, Hashable, Sendable, Codable, CaseIterable {
  /// As new as there is.
  case strong
  /// As old as the bucket allows.
  case cached
}

/// An event that a guest publishes. What is missing the platform says.
public struct GuestPublish: Hashable, Sendable {
  public var topic: Topic
  /// `nil` for the topic.
  public var type: String?
  public var subject: String?
  public var dataContentType: String?
  public var data: [UInt8]

  public init(
    topic: Topic, type: String? = nil, subject: String? = nil, dataContentType: String? = nil,
    data: [UInt8] = []
  ) {
    self.topic = topic
    self.type = type
    self.subject = subject
    self.dataContentType = dataContentType
    self.data = data
  }
}

/// What a guest hears.
public enum GuestAnswer: Hashable, Sendable {
  /// It takes effect when the activation has succeeded.
  case done
  case entry(GuestEntry?)
  case entries([GuestEntry])
  case response(HTTPAnswer)
  case refused(Problem)
  /// Nothing: it asked for what it is not granted, and is ended for that.
  case ended(CapabilityDenial)
}

/// The value of a key, as one activation sees it.
public struct GuestEntry: Hashable, Sendable {
  public var key: StateKey
  public var value: [UInt8]
  /// `nil` when the activation wrote it itself: its revision is known when that is durable.
  public var revision: StateRevision?

  public init(key: StateKey, value: [UInt8], revision: StateRevision?) {
    self.key = key
    self.value = value
    self.revision = revision
  }
}

/// What an activation wants done beside its result. It takes place together with the acknowledgement of
/// its event, or not at all.
public struct ActivationEffects: Hashable, Sendable {
  public var published: [GuestPublish]
  public var writes: [StateWrite]

  public init(published: [GuestPublish] = [], writes: [StateWrite] = []) {
    self.published = published
    self.writes = writes
  }

  // Made each time: looking up one that is shared costs more.
  public static var none: ActivationEffects { ActivationEffects() }
  public var isEmpty: Bool { published.isEmpty && writes.isEmpty }
}

extension [StateWrite] {
  /// About how many bytes they hold.
  public var footprint: ByteCount {
    ByteCount(
      bytes: reduce(0) { sum, write in
        switch write.action {
        case .set(let bytes), .merge(_, let bytes): sum + bytes.count + 128
        case .delete: sum + 128
        }
      })
  }
}
