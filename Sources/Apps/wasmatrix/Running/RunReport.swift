import ClusterModel
import ControlAPIModel

/// How `run` ended, as JSON on standard error: standard output is the module's own.
struct RunReport: Encodable {
  /// The module's own; `nil` when it did not get so far.
  var exitStatus: Int32?
  var failure: FailureResource?
  var cpuTimeMilliseconds: Double
  var wallTimeMilliseconds: Double
  var memoryBytes: Int
  /// What it tried beyond what it was granted: how often, and the first ones.
  var deniedCalls: Int
  var denials: [CapabilityDenial]
  /// What it published, when it succeeded.
  var published: [EventResource]
  /// What became of the keys that it wrote, when it succeeded: by bucket, oldest write first.
  var state: [String: [StateChangeResource]]
  /// How much it published and wrote in vain, as it failed.
  var discardedEffects: Int

  init(_ ending: RunEnding, _ denials: ShownDenials) {
    let (report, effects) = (ending.report, ending.effects)
    (deniedCalls, self.denials) = denials.seen
    published = effects.published.map { EventResource($0) }
    state = Dictionary(
      effects.state.map { ($0.name.text, $0.changes.map { StateChangeResource($0) }) },
      uniquingKeysWith: { first, _ in first })
    discardedEffects = effects.discarded
    cpuTimeMilliseconds = report.usage.cpuTime.milliseconds
    wallTimeMilliseconds = report.usage.wallTime.milliseconds
    memoryBytes = report.usage.memory.bytes
    switch report.result {
    case .success: exitStatus = 0
    case .failure(let ended) where ended.code == .guestExited: exitStatus = ended.exitStatus
    case .failure(let ended): failure = FailureResource(ended, log: nil, logTruncated: nil)
    }
  }
}

/// The exit statuses of `run` that are not the module's.
enum RunEnd {
  /// It trapped, as a program that aborts.
  static let trapped: Int32 = 134
  /// It was ended for what it used or tried, as a program that is killed; or nothing of what it did counts.
  static let ended: Int32 = 137
  /// Somebody interrupted it.
  static let interrupted: Int32 = 130

  static func status(of failure: ActivationFailure) -> Int32 {
    switch failure.code {
    // What is no byte is cut to one, as the system does.
    case .guestExited: (failure.exitStatus ?? 1) & 0xff
    case .guestTrapped, .startFailed: trapped
    case .memoryLimit, .cpuTimeLimit, .wallTimeLimit, .stackLimit, .outputLimit, .hostCallLimit,
      .callBytesLimit, .outstandingCallLimit, .effectsRefused, .capabilityDenied:
      ended
    case .cancelled: interrupted
    case .overloaded, .unavailable, .loopDetected, .eventDamaged, .nodeLost, .internalError:
      Problem.Category.internalFault.exitStatus
    }
  }
}
