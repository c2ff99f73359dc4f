import CDedicatedThreads
public import ClusterModel
import Glibc

/// How the threads of heartbeats are scheduled.
public enum HeartbeatScheduling: Hashable, Sendable, CustomStringConvertible {
  /// Ahead of every thread that is not scheduled so: a busy machine does not hold them up.
  case realTime
  /// As everything else, because that is not permitted or not wanted. Heartbeats may be late when the
  /// processors are busy, which the ceilings of silence allow for.
  case ordinary(reason: String)

  /// The lowest there is: nothing of ours must hold up what others gave a priority.
  static let priority: Int32 = 1

  /// What is permitted to this process.
  public static func probe() -> HeartbeatScheduling {
    HeartbeatScheduling(problem: dt_try_real_time(priority))
  }

  /// How a thread of this process would be scheduled.
  public static func probe(_ urgency: ThreadUrgency) -> HeartbeatScheduling {
    switch urgency {
    case .ordinary: notWanted
    case .realTimeIfPermitted: probe()
    }
  }

  static let notWanted = HeartbeatScheduling.ordinary(reason: "not wanted")

  /// What it means for heartbeats.
  public var punctuality: HeartbeatPunctuality {
    switch self {
    case .realTime: .realTime
    case .ordinary: .ordinary
    }
  }

  init(problem: Int32) {
    self =
      problem == 0
      ? .realTime : .ordinary(reason: strerror(problem).map { String(cString: $0) } ?? "refused")
  }

  public var description: String {
    switch self {
    case .realTime: "real time (SCHED_FIFO \(Self.priority))"
    case .ordinary(let reason): "ordinary: \(reason)"
    }
  }
}

/// How a thread is wanted to be scheduled.
public enum ThreadUrgency: Hashable, Sendable {
  case ordinary
  /// In real time where that is permitted. Such a thread must never work for long.
  case realTimeIfPermitted
}
