public import ClusterModel

/// A problem as HTTP carries it: `application/problem+json` (RFC 9457).
public struct ProblemResource: Hashable, Sendable, Codable {
  /// Names the code as a URI, relative to nothing: `urn:wasmatrix:problem:module_unknown`.
  public var type: String
  /// The same for every problem of this category.
  public var title: String
  /// The HTTP status.
  public var status: Int
  /// One sentence: what happened.
  public var detail: String
  /// Stable, for programs: `module_unknown`.
  public var code: String
  /// What lies beneath.
  public var cause: String?
  /// What can be done about it.
  public var next: String?
  /// After how many seconds it is worth trying again; also in the header `Retry-After`.
  public var retryAfterSeconds: Int?
  /// Given when a guest ran and failed.
  public var failure: FailureResource?

  public init(_ problem: Problem, failure: FailureResource? = nil) {
    type = "urn:wasmatrix:problem:" + problem.code
    title = problem.category.title
    status = problem.category.httpStatus
    detail = problem.message
    code = problem.code
    cause = problem.cause
    next = problem.next
    retryAfterSeconds = problem.retryAfter.map { Int(clamping: $0.components.seconds) }
    self.failure = failure
  }

  /// A problem with a status that no category has, such as 405.
  public init(status: Int, title: String, code: String, detail: String, next: String? = nil) {
    type = "urn:wasmatrix:problem:" + code
    self.title = title
    self.status = status
    self.detail = detail
    self.code = code
    self.next = next
  }

  /// The problem that this tells of.
  public var problem: Problem {
    Problem(
      Problem.Category(httpStatus: status), code: code, detail, cause: cause, next: next,
      retryAfter: retryAfterSeconds.map { .seconds($0) })
  }
}

/// How a guest failed, and what it wrote to standard error meanwhile.
public struct FailureResource: Hashable, Sendable, Codable {
  public var code: ActivationFailure.Code
  public var message: String
  public var trap: String?
  public var exitStatus: Int32?
  /// Innermost first.
  public var frames: [GuestFrame]
  /// What the guest wrote to standard error, with what is not UTF-8 replaced; `nil` when it is not
  /// known here.
  public var log: String?
  /// Whether the log was longer than what is kept.
  public var logTruncated: Bool?

  public init(_ failure: ActivationFailure, log: String? = nil, logTruncated: Bool? = nil) {
    code = failure.code
    message = failure.message
    trap = failure.trap
    exitStatus = failure.exitStatus
    frames = failure.frames
    self.log = log
    self.logTruncated = logTruncated
  }

  /// The failure itself.
  public var failure: ActivationFailure {
    ActivationFailure(
      code: code, message: message, trap: trap, exitStatus: exitStatus, frames: frames)
  }
}

extension Problem.Category {
  /// What such problems have in common, for people.
  public var title: String {
    switch self {
    case .invalidInput: "The request is not valid"
    case .refused: "Refused"
    case .notFound: "Not found"
    case .conflict: "In conflict with what is there"
    case .tooLarge: "Too large"
    case .overloaded: "Too much at once"
    case .internalFault: "A fault of the platform"
    case .guestFailed: "The module failed"
    case .unavailable: "Not available now"
    case .deadlineExceeded: "Out of time"
    }
  }

  /// The category that answers with this HTTP status; of others the nearest one.
  public init(httpStatus: Int) {
    if let exact = Self.allCases.first(where: { $0.httpStatus == httpStatus }) {
      self = exact
    } else if httpStatus == 401 {
      self = .refused
    } else {
      self = (400..<500).contains(httpStatus) ? .invalidInput : .internalFault
    }
  }
}

extension ActivationFailure {
  /// The problem that a caller of `invoke` hears of.
  public var problem: Problem {
    let (category, next): (Problem.Category, String?) =
      switch code {
      case .guestExited, .guestTrapped, .startFailed: (.guestFailed, nil)
      case .memoryLimit:
        (.guestFailed, "Raise limits.memory in the manifest, or use less.")
      case .outputLimit:
        (.guestFailed, "Raise limits.output in the manifest, or write less.")
      case .hostCallLimit:
        (.guestFailed, "Raise limits.calls in the manifest, or ask less often.")
      case .callBytesLimit:
        (.guestFailed, "Raise limits.call-bytes in the manifest, or ask for less at once.")
      case .outstandingCallLimit:
        (
          .guestFailed,
          "Raise limits.outstanding-calls in the manifest, or read answers before asking for more."
        )
      case .stackLimit:
        (.guestFailed, "Build it so that it recurses less; the stack is the same for all modules.")
      case .effectsRefused:
        (.conflict, "Look at what is there with `wasmatrix state`, and try again.")
      case .capabilityDenied:
        (.guestFailed, "Grant it in the manifest, under capabilities, or let it be refused only.")
      case .cpuTimeLimit:
        (.deadlineExceeded, "Raise limits.cpu in the manifest, or compute less.")
      case .wallTimeLimit:
        (.deadlineExceeded, "Raise limits.wall in the manifest, or wait less.")
      case .cancelled: (.unavailable, "Try again.")
      case .overloaded: (.overloaded, "Try again in a moment.")
      case .unavailable: (.unavailable, "See what is deployed with `wasmatrix ps`.")
      case .nodeLost: (.unavailable, "Ask again if doing it twice does no harm.")
      case .loopDetected:
        (.conflict, "Let no module publish to a topic that leads back to it.")
      case .eventDamaged:
        (.internalFault, "Restore the data folder from a backup, or drop the dead letter.")
      case .internalError: (.internalFault, "Look into the server's log.")
      }
    return Problem(category, code: code.rawValue, message, next: next)
  }
}
