/// Everything that a module may be granted beyond its event, clocks and randomness. Nothing is granted
/// unless its manifest says so. This is the one place that names all of them; how to add one is in
/// docs/CAPABILITIES.md.
public enum Capability: String, Hashable, Sendable, Codable, CaseIterable {
  /// To publish events.
  case publish
  /// To read and write state.
  case state
  /// To ask servers over HTTP.
  case httpOut = "http-out"
}

/// What a module may do with one bucket.
public struct StateGrant: Hashable, Sendable, Codable {
  public enum Access: String, Hashable, Sendable, Codable, CaseIterable {
    case read
    /// To read, too: whoever writes must see what is there.
    case write
  }

  public var bucket: BucketName
  public var access: Access
  /// The keys it reaches begin with one of them; sorted. An empty one stands for all keys.
  public var prefixes: [String]

  public init(bucket: BucketName, access: Access, prefixes: [String] = [""]) {
    self.bucket = bucket
    self.access = access
    self.prefixes = prefixes.sorted()
  }

  /// Whether keys that begin with `text` are reached, all of them.
  public func covers(_ text: String) -> Bool {
    prefixes.contains { text.utf8.starts(with: $0.utf8) }
  }
}

/// What the deployment of a module is granted.
public struct CapabilityGrants: Hashable, Sendable, Codable {
  /// The topics it may publish to, sorted; none for not at all.
  public var publish: [TopicFilter]
  /// By bucket, each at most once.
  public var state: [StateGrant]
  /// `nil` for not at all.
  public var httpOut: HTTPGrant?

  public init(
    publish: [TopicFilter] = [], state: [StateGrant] = [], httpOut: HTTPGrant? = nil
  ) {
    self.publish = publish.sorted()
    self.state = state.sorted { $0.bucket < $1.bucket }
    self.httpOut = httpOut
  }

  public static let none = CapabilityGrants()

  /// Those of which anything is granted.
  public var granted: [Capability] {
    Capability.allCases.filter { capability in
      switch capability {
      case .publish: !publish.isEmpty
      case .state: !state.isEmpty
      case .httpOut: httpOut != nil
      }
    }
  }

  public func grant(for bucket: BucketName) -> StateGrant? { state.first { $0.bucket == bucket } }
}

/// A guest asked for what it was not granted.
public struct CapabilityDenial: Hashable, Sendable, Codable {
  public var capability: Capability
  /// What it asked for: `set`.
  public var call: String
  /// What with: `stock/bolts/m8`, a topic.
  public var subject: String
  /// Why it was not granted; one sentence for people.
  public var reason: String

  public init(capability: Capability, call: String, subject: String, reason: String) {
    self.capability = capability
    self.call = call
    self.subject = subject
    self.reason = reason
  }

  /// What the guest hears.
  public var problem: Problem {
    Problem(
      .refused, code: "denied", "\(call) \(subject): \(reason)",
      next: "Grant it in the manifest, under capabilities.\(capability.rawValue).")
  }
}
