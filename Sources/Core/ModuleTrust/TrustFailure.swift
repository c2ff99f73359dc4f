public import ClusterModel

/// Why a module is not trusted.
public struct TrustFailure: Error, Hashable, Sendable {
  /// The stable name of the reason, as it stands in security events.
  public enum Code: String, Sendable, CaseIterable {
    case moduleInvalid = "module_invalid"
    case moduleTruncated = "module_truncated"
    case moduleTooLarge = "module_too_large"
    case componentUnsupported = "component_unsupported"
    case signatureMissing = "signature_missing"
    case signatureMalformed = "signature_malformed"
    case signaturePartial = "signature_partial"
    case signatureInvalid = "signature_invalid"
    case bytesAfterSignedEnd = "bytes_after_signed_end"
    case keyUnknown = "key_unknown"
    case keyRevoked = "key_revoked"
  }

  public let code: Code
  /// One sentence for people.
  public let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The failure as the user hears it.
  public var problem: Problem {
    Problem(category, code: code.rawValue, message, next: next)
  }

  private var category: Problem.Category {
    switch code {
    case .moduleInvalid, .moduleTruncated, .componentUnsupported: .invalidInput
    case .moduleTooLarge: .tooLarge
    case .signatureMissing, .signatureMalformed, .signaturePartial, .signatureInvalid,
      .bytesAfterSignedEnd, .keyUnknown, .keyRevoked:
      .refused
    }
  }

  private var next: String {
    switch code {
    case .moduleInvalid, .moduleTruncated: "Build the module again and push the whole file."
    case .moduleTooLarge: "Strip debug information, or split the module."
    case .componentUnsupported: "Build a core module: a WASI preview 1 command."
    case .signatureMissing: "Sign it with `wasmatrix sign FILE.wasm --key KEY`."
    case .signatureMalformed, .signaturePartial, .signatureInvalid, .bytesAfterSignedEnd:
      "Sign the module again, after the last change to it."
    case .keyUnknown:
      "Trust the signer's key with `wasmatrix trust add KEY.pub`, or sign with a "
        + "trusted one."
    case .keyRevoked: "Sign the module with a key that is still trusted."
    }
  }
}
