/// Everything that a module may reach beyond its event. This is the one place that names all of them; how
/// to add one is in docs/CAPABILITIES.md.
public enum Capability: String, Hashable, Sendable, Codable, CaseIterable {
  /// To publish events.
  case publish
  /// To read and write state.
  case state
  /// To ask servers over HTTP.
  case httpOut = "http-out"
  /// To have a folder of its own.
  case files
  /// What its manifest says under `args` and `env`, and the attributes of its event.
  case environment
  /// The time, and waiting.
  case clocks
  /// Random numbers.
  case random
  /// What it writes to standard error.
  case log

  /// Whether every module has it; all others are denied unless a manifest grants them.
  public var isAlwaysGranted: Bool {
    switch self {
    case .environment, .clocks, .random, .log: true
    case .publish, .state, .httpOut, .files: false
    }
  }

  /// Those that a manifest can grant.
  public static var grantable: [Capability] { allCases.filter { !$0.isAlwaysGranted } }
}

/// What a scratch folder may hold.
public struct ScratchLimits: Hashable, Sendable, Codable {
  /// Bytes in files, holes included.
  public var size: ByteCount
  /// Files, folders and links.
  public var entries: Int

  public init(size: ByteCount = .mebibytes(16), entries: Int = 1000) {
    self.size = size
    self.entries = entries
  }

  /// What is allowed, and why nothing beyond: the folder must be removed before the report of its
  /// activation is out.
  public enum Range {
    public static let size = ByteCount.kibibytes(4)...ByteCount.gibibytes(4)
    public static let entries = 1...10_000
  }
}

/// A folder that each instance finds empty, and that is gone with it.
public struct ScratchGrant: Hashable, Sendable, Codable {
  /// Where the guest finds it.
  public var path: GuestFolderPath
  public var limits: ScratchLimits

  public init(path: GuestFolderPath = GuestFolderPath(unchecked: "/tmp"), limits: ScratchLimits) {
    self.path = path
    self.limits = limits
  }
}

/// The files that a module may use.
public struct FileGrants: Hashable, Sendable, Codable {
  public var scratch: ScratchGrant?
  /// Where the module finds the files that were packed into it.
  public var bundle: GuestFolderPath?

  public init(scratch: ScratchGrant? = nil, bundle: GuestFolderPath? = nil) {
    self.scratch = scratch
    self.bundle = bundle
  }

  public static let defaultBundlePath = GuestFolderPath(unchecked: "/data")
}

/// What becomes of an activation that tries what it is not granted.
public enum DenialPolicy: String, Hashable, Sendable, Codable, CaseIterable {
  /// It hears so, and goes on.
  case refuse
  /// It has failed.
  case end
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
  /// `nil` for no files at all.
  public var files: FileGrants?
  public var onDenial: DenialPolicy

  public init(
    publish: [TopicFilter] = [], state: [StateGrant] = [], httpOut: HTTPGrant? = nil,
    files: FileGrants? = nil, onDenial: DenialPolicy = .refuse
  ) {
    self.publish = publish.sorted()
    self.state = state.sorted { $0.bucket < $1.bucket }
    self.httpOut = httpOut
    self.files = files
    self.onDenial = onDenial
  }

  /// What was stored before there were servers and files reads as having none.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      publish: try container.decode([TopicFilter].self, forKey: .publish),
      state: try container.decode([StateGrant].self, forKey: .state),
      httpOut: try container.decodeIfPresent(HTTPGrant.self, forKey: .httpOut),
      files: try container.decodeIfPresent(FileGrants.self, forKey: .files),
      onDenial: try container.decodeIfPresent(DenialPolicy.self, forKey: .onDenial) ?? .refuse)
  }

  public static let none = CapabilityGrants()

  /// Those of which anything is granted beyond what every module has.
  public var granted: [Capability] {
    Capability.allCases.filter { capability in
      switch capability {
      case .publish: !publish.isEmpty
      case .state: !state.isEmpty
      case .httpOut: httpOut != nil
      case .files: files != nil
      case .environment, .clocks, .random, .log: false
      }
    }
  }

  public func grant(for bucket: BucketName) -> StateGrant? { state.first { $0.bucket == bucket } }
}

extension CapabilityGrants {
  /// Why a module is not deployed with these grants; `nil` when it may be.
  ///
  /// - Parameters:
  ///   - imports: the functions of WASI that it imports.
  ///   - hasBundle: whether files were packed into it.
  public func refusal(ofImports imports: [String], hasBundle: Bool) -> Problem? {
    if files?.bundle != nil, !hasBundle {
      return Problem(
        .invalidInput, code: "bundle_missing", "the module is granted its files, and has none",
        next: "Put them into it with `wasmatrix pack`, or leave capabilities.files.bundle out.")
    }
    // No capability gives a socket.
    let refused = imports.filter { $0.hasPrefix("sock_") }
    guard !refused.isEmpty else { return nil }
    return Problem(
      .invalidInput, code: "import_not_granted",
      "the module imports what it can never have: \(refused.joined(separator: ", "))",
      next: "Build it without sockets, and let it publish events.")
  }
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

extension CapabilityDenial {
  /// A subject is no longer than this: guests choose paths.
  public static let longest = 512

  /// How an activation ends that may not go on.
  public var failure: ActivationFailure {
    ActivationFailure(
      code: .capabilityDenied, message: "the module was ended: \(call) \(subject): \(reason)")
  }
}
