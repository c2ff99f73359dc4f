import ClusterModel
import HostPorts

/// One module on its way to this node, over as many sessions as it takes: what is here of it, and whether it is worth
/// asking for the rest.
///
///     asked for the rest ──all is here──> done
///       │          ▲
///       │ broke    │ pause: a short one while no way is open, else longer
///       │ off      │ each time, until something new has come
///       ▼          │
///     looked at ───┘
///       └──nothing new for too long, damaged again, or not to be had──> given up
struct ModuleTransfer: Sendable {
  /// What has come of it, from its first byte on.
  var bytes: [UInt8]

  private let patience: Duration
  /// The most that has been here: less than that, once more, is nothing new.
  private var most: Int
  private var deadline: ContinuousClock.Instant
  private var pause = Self.pauses.lowerBound
  private var damages = 0

  /// Between two attempts. The first is short enough that the next session is made use of at once, the last long enough
  /// that a whole fleet that waits asks little.
  static let pauses = Duration.milliseconds(200)...Duration.seconds(5)
  /// One may be of what was here before; another one is of what the control plane has.
  static let maximumDamages = 2

  /// - Parameters:
  ///   - bytes: what is here of it already.
  ///   - patience: how long something new is waited for.
  init(from bytes: [UInt8], patience: Duration, at now: ContinuousClock.Instant) {
    self.bytes = bytes
    self.patience = patience
    most = bytes.count
    deadline = now + patience
  }

  /// Takes in that an attempt has failed.
  ///
  /// - Returns: how long to wait until the next one; `nil` when it is given up.
  mutating func brokeOff(_ problem: Problem, at now: ContinuousClock.Instant) -> Duration? {
    guard problem.category == .unavailable else { return nil }
    if problem.code == Self.damageCode {
      damages += 1
      guard damages < Self.maximumDamages else { return nil }
      // It comes anew from its first byte on.
      most = 0
    }
    if bytes.count > most {
      most = bytes.count
      deadline = now + patience
      pause = Self.pauses.lowerBound
    }
    guard now < deadline else { return nil }
    // Nobody was asked.
    if problem.isControlPlaneAway { return Self.pauses.lowerBound }
    defer { pause = min(pause * 2, Self.pauses.upperBound) }
    return pause
  }

  private static let damageCode = "fetch_damaged"

  static func damaged(_ digest: ModuleDigest) -> Problem {
    Problem(
      .unavailable, code: damageCode, "what arrived is not module \(digest.short)")
  }

  static func interrupted(_ digest: ModuleDigest, _ cause: String) -> Problem {
    Problem(
      .unavailable, code: "fetch_interrupted", "module \(digest.short) did not arrive as a whole",
      cause: cause)
  }
}
