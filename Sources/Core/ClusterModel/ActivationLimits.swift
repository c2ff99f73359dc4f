/// What one activation may use. Going over any of them ends it with the failure that names it.
public struct ActivationLimits: Hashable, Sendable, Codable {
  /// All memories and tables of the instance together. The guest sees a failed `memory.grow` at the limit.
  public var memory: ByteCount
  /// Time on a CPU.
  public var cpuTime: Duration
  /// Time from start to end, waiting included.
  public var wallTime: Duration
  /// Bytes on standard output.
  public var output: ByteCount
  /// Bytes on standard error that are kept as log; what comes after is cut off and said so.
  public var log: ByteCount
  /// Requests to the platform.
  public var calls: Int
  /// Bytes of these requests.
  public var callBytes: ByteCount
  /// Files that it may have open at the same time, beside its streams and the folders it was given.
  public var openFiles: Int
  /// Requests that are not answered yet, or whose answers the guest has not read.
  public var outstandingCalls: Int

  public init(
    memory: ByteCount = .mebibytes(128), cpuTime: Duration = .seconds(10),
    wallTime: Duration = .seconds(30), output: ByteCount = .mebibytes(16),
    log: ByteCount = .kibibytes(256), calls: Int = defaultCalls,
    callBytes: ByteCount = defaultCallBytes, outstandingCalls: Int = defaultOutstandingCalls,
    openFiles: Int = defaultOpenFiles
  ) {
    self.memory = memory
    self.cpuTime = cpuTime
    self.wallTime = wallTime
    self.output = output
    self.log = log
    self.calls = calls
    self.callBytes = callBytes
    self.openFiles = openFiles
    self.outstandingCalls = outstandingCalls
  }

  /// The same for what runs for long: only what it holds at one time is bounded.
  public var ofService: ActivationLimits {
    var limits = self
    limits.cpuTime = Self.unbounded
    limits.wallTime = Self.unbounded
    limits.calls = .max
    limits.callBytes = ByteCount(bytes: .max)
    return limits
  }

  /// A hundred years: nothing runs that long.
  private static let unbounded = Duration.seconds(100 * 366 * 86_400)

  public static let defaultCalls = 1000
  public static let defaultCallBytes = ByteCount.mebibytes(16)
  public static let defaultOpenFiles = 64
  public static let defaultOutstandingCalls = 256

  /// What is allowed, and why nothing beyond: a 32-bit memory ends at 4 GiB, and one activation
  /// must not hold a worker or a queue for ever.
  public enum Range {
    public static let memory = ByteCount.kibibytes(64)...ByteCount.gibibytes(4)
    public static let cpuTime = Duration.milliseconds(1)...Duration.seconds(600)
    public static let wallTime = Duration.milliseconds(1)...Duration.seconds(3600)
    public static let output = ByteCount(bytes: 0)...ByteCount.mebibytes(256)
    public static let log = ByteCount(bytes: 0)...ByteCount.mebibytes(16)
    public static let calls = 0...10_000
    public static let callBytes = ByteCount(bytes: 0)...ByteCount.mebibytes(256)
    public static let openFiles = 0...1024
    public static let outstandingCalls = 1...1024
  }
}

extension ActivationLimits {
  private enum CodingKeys: String, CodingKey {
    case memory, cpuTime, wallTime, output, log, calls, callBytes, outstandingCalls, openFiles
  }

  /// What was stored before guests could ask for anything reads as having the usual limits.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      memory: try container.decode(ByteCount.self, forKey: .memory),
      cpuTime: try container.decode(Duration.self, forKey: .cpuTime),
      wallTime: try container.decode(Duration.self, forKey: .wallTime),
      output: try container.decode(ByteCount.self, forKey: .output),
      log: try container.decode(ByteCount.self, forKey: .log),
      calls: try container.decodeIfPresent(Int.self, forKey: .calls) ?? Self.defaultCalls,
      callBytes: try container.decodeIfPresent(ByteCount.self, forKey: .callBytes)
        ?? Self.defaultCallBytes,
      outstandingCalls: try container.decodeIfPresent(Int.self, forKey: .outstandingCalls)
        ?? Self.defaultOutstandingCalls,
      openFiles: try container.decodeIfPresent(Int.self, forKey: .openFiles)
        ?? Self.defaultOpenFiles)
  }
}
