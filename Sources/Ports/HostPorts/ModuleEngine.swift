public import ClusterModel

/// Compiles modules and runs fresh instances of them.
public protocol ModuleEngine: Sendable {
  /// Compiles (or takes from the cache) and links a module, ready to run.
  ///
  /// - Parameters:
  ///   - bytes: the whole module; only its digest names it in caches.
  ///   - mode: with `quick` it is ready sooner, and optimised while it runs.
  /// - Throws: ``Problem`` with `module_invalid` when it is no module, `import_unknown` when it
  ///   wants what no capability offers, `entry_missing` when nothing is there to run.
  func prepare(
    _ bytes: [UInt8], digest: ModuleDigest, startingWith mode: CodeMode
  ) async throws(Problem) -> any PreparedModule

  /// What the engine runs with: library version, target, limits of this machine, and how busy it is.
  var facts: EngineFacts { get }
  /// How busy it is, without anything dear: asked with each heartbeat.
  var activity: EngineActivity { get }
}

extension ModuleEngine {
  /// Makes a module ready with optimised code at once.
  public func prepare(_ bytes: [UInt8], digest: ModuleDigest) async throws(Problem)
    -> any PreparedModule
  {
    try await prepare(bytes, digest: digest, startingWith: .optimised)
  }
}

/// A module that is compiled and linked: running it costs microseconds.
public protocol PreparedModule: Sendable {
  var digest: ModuleDigest { get }
  /// The names of the functions of WASI that it imports, in the order of the module.
  var imports: [String] { get }
  /// How the code was compiled that new instances run.
  var mode: CodeMode { get }
  /// Returns when new instances run optimised code, or never will: then false.
  func optimised() async -> Bool
  /// Whether files were packed into it.
  var hasBundle: Bool { get }
  /// Runs one fresh instance to its end. Cancelling the task ends the instance.
  func run(_ activation: Activation) async -> ActivationReport
}

/// How code is compiled.
public enum CodeMode: String, Sendable, Codable, CaseIterable {
  /// In less time, to be replaced soon.
  case quick
  /// To run as fast as it can.
  case optimised
}

/// One run of a module, from outside.
public struct Activation: Sendable {
  /// The guest's arguments; the first is the name of the program.
  public var arguments: [String]
  public var environment: [EnvironmentVariable]
  /// What is on standard input, when that is gathered.
  public var input: [UInt8]
  public var streams: StandardStreams
  /// What it finds open behind the standard streams, in this order.
  public var folders: [GuestFolder]
  public var limits: ActivationLimits
  /// Who answers what the guest asks; `nil` when it may ask for nothing.
  public var services: (any GuestServices)?
  /// Who hears of what it tries with files beyond what it is granted; `services`, if nobody else does.
  public var denials: (any DenialWatch)?
  /// Who looks after it when it runs for long, in the place of standard streams in memory.
  public var follower: (any InstanceFollower)?

  public init(
    arguments: [String], environment: [EnvironmentVariable], input: [UInt8],
    streams: StandardStreams = .gathered, folders: [GuestFolder] = [],
    limits: ActivationLimits, services: (any GuestServices)? = nil,
    denials: (any DenialWatch)? = nil, follower: (any InstanceFollower)? = nil
  ) {
    self.denials = denials ?? services
    self.follower = follower
    self.services = services
    self.streams = streams
    self.folders = folders
    self.arguments = arguments
    self.environment = environment
    self.input = input
    self.limits = limits
  }
}

/// How busy an engine is.
public struct EngineActivity: Hashable, Sendable {
  /// Instances that can live at the same time.
  public var instanceSlots: Int
  public var liveInstances: Int
  public var queuedActivations: Int
  /// Always in the same order.
  public var workers: [WorkerState]

  public init(
    instanceSlots: Int, liveInstances: Int, queuedActivations: Int, workers: [WorkerState]
  ) {
    self.instanceSlots = instanceSlots
    self.liveInstances = liveInstances
    self.queuedActivations = queuedActivations
    self.workers = workers
  }
}

/// What an engine runs with.
public struct EngineFacts: Sendable, Codable, Hashable {
  public var libraryVersion: String
  public var architecture: String
  public var cpuFeatures: [String]
  public var workers: Int
  /// Instances that can live at the same time.
  public var instanceSlots: Int
  public var liveInstances: Int
  public var queuedActivations: Int

  public init(
    libraryVersion: String, architecture: String, cpuFeatures: [String], workers: Int,
    instanceSlots: Int, liveInstances: Int, queuedActivations: Int
  ) {
    self.libraryVersion = libraryVersion
    self.architecture = architecture
    self.cpuFeatures = cpuFeatures
    self.workers = workers
    self.instanceSlots = instanceSlots
    self.liveInstances = liveInstances
    self.queuedActivations = queuedActivations
  }
}
