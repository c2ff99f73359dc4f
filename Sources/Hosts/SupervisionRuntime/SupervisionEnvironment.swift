public import ClusterModel
import Glibc
public import HostPorts
public import Logging
public import Supervision

/// What the supervisors of a tree share.
public struct SupervisionEnvironment: Sendable {
  public var clock: any HostClock
  public var random: any RandomNumberGenerator & Sendable
  public var logger: Logger
  /// Hears each event with the path of its supervisor (`main/events`), for counters. It must not block.
  public var onEvent: @Sendable (_ path: String, SupervisorEvent) -> Void
  /// Hears the path of a child that does not end although it must.
  public var onStuck: @Sendable (_ path: String) -> Void

  /// - Parameters:
  ///   - random: for the jitter of back-offs; default: that of the system.
  ///   - onEvent: default: nothing; events are logged anyway.
  ///   - onStuck: default: the process ends with ``stuckExitStatus``.
  public init(
    clock: any HostClock, logger: Logger,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
    onEvent: @escaping @Sendable (_ path: String, SupervisorEvent) -> Void = { _, _ in },
    onStuck: @escaping @Sendable (_ path: String) -> Void = Self.endProcess
  ) {
    self.clock = clock
    self.logger = logger
    self.random = random
    self.onEvent = onEvent
    self.onStuck = onStuck
  }

  /// How the process ends when a child cannot be ended. The outer supervisor (`wasmatrix-launcher`,
  /// systemd) starts it again, like after any status but 0.
  public static let stuckExitStatus: Int32 = 71

  /// Ends the process at once: what is stuck would hold up an orderly exit too. What was acknowledged
  /// is on disk.
  public static let endProcess: @Sendable (_ path: String) -> Void = { _ in
    _exit(stuckExitStatus)
  }
}

/// Why a supervisor has failed, for whoever supervises it.
public struct SupervisionFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which supervisor: `main/events`.
  public let path: String
  public let exit: SupervisorExit
  /// What the child threw that it failed with in the end, when that is a problem that people know.
  public let cause: Problem?

  public init(path: String, exit: SupervisorExit, cause: Problem? = nil) {
    self.path = path
    self.exit = exit
    self.cause = cause
  }

  public var description: String {
    switch exit {
    case .shutdown: "\(path) has stopped"
    case .startFailed(let child, let reason): "\(path)/\(child) could not be started: \(reason)"
    case .intensityReached(let child, let last):
      "\(path)/\(child) had to be restarted too often; last it \(last.text)"
    }
  }
}
