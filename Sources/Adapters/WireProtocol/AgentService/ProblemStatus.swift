import ClusterModel
import GRPCCore

// The one place that maps problems to statuses of gRPC.
extension RPCError {
  /// Codes of what says who somebody is, rather than what they may.
  private static let unknownCallers: Set<String> = [
    "token_missing", "token_malformed", "token_for_other_purpose", "token_unknown", "token_expired",
    "token_revoked",
  ]

  /// The code and the next step are in the trailing metadata.
  init(_ problem: Problem) {
    var metadata: Metadata = ["wasmatrix-code": .string(Self.ascii(problem.code))]
    if let cause = problem.cause {
      metadata.addString(Self.ascii(cause), forKey: "wasmatrix-cause")
    }
    if let next = problem.next { metadata.addString(Self.ascii(next), forKey: "wasmatrix-next") }
    self.init(code: Code(problem), message: problem.message, metadata: metadata)
  }

  /// Longer than any text of ours: what is beyond must not fill a header of HTTP/2.
  private static let longest = 1_000

  /// Metadata are ASCII: everything else, and `%`, in the manner of URLs.
  static func ascii(_ text: String) -> String {
    var result = ""
    for byte in text.utf8.prefix(longest) {
      if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.utf8.count < 2 ? "%0" + digits : "%" + digits
      }
    }
    return result
  }
}

extension RPCError.Code {
  init(_ problem: Problem) {
    switch problem.category {
    case .invalidInput: self = .invalidArgument
    case .notFound: self = .notFound
    case .conflict: self = .failedPrecondition
    case .refused: self = RPCError.isUnknownCaller(problem) ? .unauthenticated : .permissionDenied
    case .overloaded, .tooLarge: self = .resourceExhausted
    case .guestFailed: self = .aborted
    case .deadlineExceeded: self = .deadlineExceeded
    case .unavailable: self = .unavailable
    case .internalFault: self = .internalError
    }
  }
}

extension RPCError {
  fileprivate static func isUnknownCaller(_ problem: Problem) -> Bool {
    unknownCallers.contains(problem.code)
  }
}
