/// How an activation ended badly.
public struct ActivationFailure: Error, Hashable, Sendable, Codable {
  /// The stable name of the reason, for programs.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// The guest ended with an exit status other than 0.
    case guestExited = "guest_exited"
    /// The guest trapped: out of bounds, unreachable, division by zero, ...
    case guestTrapped = "guest_trapped"
    /// Instantiation failed: a start function trapped, memory beyond the limit.
    case startFailed = "start_failed"
    case memoryLimit = "memory_limit"
    case cpuTimeLimit = "cpu_time_limit"
    case wallTimeLimit = "wall_time_limit"
    /// It called deeper than its stack.
    case stackLimit = "stack_limit"
    case outputLimit = "output_limit"
    /// It asked the platform too often.
    case hostCallLimit = "host_call_limit"
    /// What it asked the platform was too long.
    case callBytesLimit = "call_bytes_limit"
    /// It left too many answers of the platform unread.
    case outstandingCallLimit = "outstanding_call_limit"
    /// State would not take what it wrote, or it went away without hearing that something was refused.
    case effectsRefused = "effects_refused"
    /// It tried what it is not granted, and its manifest ends what does.
    case capabilityDenied = "capability_denied"
    /// Whoever asked went away, or the program is stopping.
    case cancelled
    /// The queue of the node is full. Nothing ran; try again later.
    case overloaded
    /// The module is not deployed, or not ready.
    case unavailable
    /// The node went away, or the way to it, after it was asked: it may have run, or not.
    case nodeLost = "node_lost"
    /// The event came of a chain of results too long to be meant.
    case loopDetected = "loop_detected"
    /// The event cannot be read any more: what is on the disk is not what was written. Nothing ran.
    case eventDamaged = "event_damaged"
    /// A fault of the platform, never of the guest.
    case internalError = "internal_error"
  }

  public var code: Code
  /// One sentence for people.
  public var message: String
  /// What the library calls the trap: `unreachable`, `stack_overflow`; `nil` when it was none.
  public var trap: String?
  /// Given with ``Code/guestExited``.
  public var exitStatus: Int32?
  /// The guest's call stack at a trap, innermost first.
  public var frames: [GuestFrame]

  public init(
    code: Code, message: String, trap: String? = nil, exitStatus: Int32? = nil,
    frames: [GuestFrame] = []
  ) {
    self.code = code
    self.message = message
    self.trap = trap
    self.exitStatus = exitStatus
    self.frames = frames
  }
}

/// One function on a guest's call stack.
public struct GuestFrame: Hashable, Sendable, Codable {
  /// The name from the module's name section; `nil` when it has none.
  public var function: String?
  public var functionIndex: UInt32
  /// Bytes from the beginning of the module.
  public var moduleOffset: Int
  public init(function: String?, functionIndex: UInt32, moduleOffset: Int) {
    self.function = function
    self.functionIndex = functionIndex
    self.moduleOffset = moduleOffset
  }
}

/// What an activation used.
public struct ActivationUsage: Hashable, Sendable {
  /// Waiting for a worker.
  public var queued: Duration
  /// On a CPU. Its first slice, of about a millisecond, is counted by a monotonic clock: what the
  /// operating system took away within it is counted, too.
  public var cpuTime: Duration
  /// From the first slice to the end.
  public var wallTime: Duration
  /// What memories and tables held at the end; those that are not exported as `memory` at their largest.
  public var memory: ByteCount

  public init(
    queued: Duration = .zero, cpuTime: Duration = .zero, wallTime: Duration = .zero,
    memory: ByteCount = ByteCount(bytes: 0)
  ) {
    self.queued = queued
    self.cpuTime = cpuTime
    self.wallTime = wallTime
    self.memory = memory
  }
}

/// Everything an activation left behind.
public struct ActivationReport: Sendable {
  /// Standard output when it succeeded.
  public var result: Result<[UInt8], ActivationFailure>
  /// Standard error, whether it succeeded or not; cut at the limit.
  public var log: [UInt8]
  public var logTruncated: Bool
  public var usage: ActivationUsage
  /// What it wants done; nothing when it failed.
  public var effects: ActivationEffects

  public init(
    result: Result<[UInt8], ActivationFailure>, log: [UInt8] = [], logTruncated: Bool = false,
    usage: ActivationUsage = ActivationUsage(), effects: ActivationEffects = .none
  ) {
    self.result = result
    self.effects = effects
    self.log = log
    self.logTruncated = logTruncated
    self.usage = usage
  }
}
