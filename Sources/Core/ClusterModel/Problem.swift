/// A refusal or failure as the user hears it: a stable code, what happened, why, and what to do.
/// The one place that maps codes to HTTP status and exit codes is ``Category``.
public struct Problem: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  /// What sort of failure it is; decides HTTP status and exit code.
  public enum Category: String, Sendable, Codable, CaseIterable {
    case invalidInput, notFound, conflict, refused, overloaded, tooLarge
    case guestFailed, deadlineExceeded, unavailable, internalFault
  }

  public var category: Category
  /// Stable, for programs: `signature_missing`.
  public var code: String
  /// One sentence: what happened.
  public var message: String
  /// What lies beneath; `nil` when the message says it all.
  public var cause: String?
  /// What the user can do about it.
  public var next: String?
  /// After how long it is worth trying again; `nil` when that is not known.
  public var retryAfter: Duration?

  public init(
    _ category: Category, code: String, _ message: String, cause: String? = nil,
    next: String? = nil, retryAfter: Duration? = nil
  ) {
    self.category = category
    self.code = code
    self.message = message
    self.cause = cause
    self.next = next
    self.retryAfter = retryAfter
  }

  public var description: String {
    var text = message
    if let cause { text += " (\(cause))" }
    if let next { text += ". \(next)" }
    return text
  }
}

extension Problem.Category {
  /// The status of an HTTP answer that carries such a problem.
  public var httpStatus: Int {
    switch self {
    case .invalidInput: 400
    case .refused: 403
    case .notFound: 404
    case .conflict: 409
    case .tooLarge: 413
    case .overloaded: 429
    case .internalFault: 500
    case .guestFailed: 502
    case .unavailable: 503
    case .deadlineExceeded: 504
    }
  }

  /// The exit status of a verb that ends with such a problem. 0 is success, 64 wrong usage.
  public var exitStatus: Int32 {
    switch self {
    case .guestFailed, .deadlineExceeded: 1
    case .invalidInput, .tooLarge: 2
    case .notFound: 3
    case .refused: 4
    case .conflict: 5
    case .overloaded: 6
    case .unavailable: 7
    case .internalFault: 70
    }
  }
}
