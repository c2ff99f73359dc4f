/// Names an authority: the SHA-256 of its certificate in DER. Written in base64url.
public struct AuthorityFingerprint: ValidatedText {
  public static let kind = "fingerprint of an authority"
  public static let rule = "the 43 base64url digits of a SHA-256"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  /// - Parameter sha256: exactly 32 bytes.
  public init(sha256: some Collection<UInt8>) {
    precondition(sha256.count == 32, "a SHA-256 has 32 bytes")
    self.init(unchecked: Base64URL.encode(Array(sha256)))
  }

  public static func isValid(_ text: String) -> Bool { Base64URL.decode(text)?.count == 32 }
}

/// What somebody shows to be let in: `wmj1.<fingerprint>.<secret>` lets a node join, `wmu1.` is a user's.
/// It names the authority of the cluster, so that whoever holds it knows the right server from a false one.
public struct AccessToken: Hashable, Sendable {
  public enum Purpose: String, Hashable, Sendable, CaseIterable {
    case join = "wmj1"
    case user = "wmu1"
  }

  /// Random bytes of a secret: nobody guesses them.
  public static let secretLength = 32
  /// Longer than any token there is.
  private static let longest = 200

  public let purpose: Purpose
  public let authority: AuthorityFingerprint
  /// To be hashed at once, never kept, never written to a log.
  public let secret: [UInt8]

  /// - Parameter secret: ``secretLength`` bytes.
  public init(_ purpose: Purpose, authority: AuthorityFingerprint, secret: [UInt8]) {
    precondition(secret.count == Self.secretLength, "a secret has 32 bytes")
    self.purpose = purpose
    self.authority = authority
    self.secret = secret
  }

  /// - Throws: ``Problem`` `token_malformed`, which does not repeat the text.
  public init(_ text: String, for purpose: Purpose) throws(Problem) {
    let parts =
      text.utf8.count <= Self.longest
      ? text.split(separator: ".", omittingEmptySubsequences: false) : []
    guard parts.count == 3, let found = Purpose(rawValue: String(parts[0])),
      AuthorityFingerprint.isValid(String(parts[1])),
      let secret = Base64URL.decode(parts[2]), secret.count == Self.secretLength
    else {
      throw Problem(
        .refused, code: "token_malformed", "what was given as a token is none",
        next: "Copy the whole line that `wasmatrix token create` printed.")
    }
    guard found == purpose else {
      throw Problem(
        .refused, code: "token_for_other_purpose",
        purpose == .user
          ? "this token lets a node join; it is not for users"
          : "this is a user's token, not one to join with",
        next: purpose == .user
          ? "Get one with `wasmatrix token create --role ROLE --name NAME`."
          : "Get one with `wasmatrix token create --join`.")
    }
    self.init(
      purpose, authority: AuthorityFingerprint(unchecked: String(parts[1])), secret: secret)
  }

  /// The text that its holder keeps. It is the only copy.
  public var text: String {
    "\(purpose.rawValue).\(authority).\(Base64URL.encode(secret))"
  }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
  public var description: String { "\(purpose.rawValue).\(authority).(secret)" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// The SHA-256 of a token's secret, or of a public key in DER: what is kept of it. 64 hexadecimal digits.
public struct KeptHash: ValidatedText {
  public static let kind = "hash"
  public static let rule = "64 lower-case hexadecimal digits"
  public let text: String
  public init(unchecked text: String) { self.text = text }

  /// - Parameter sha256: exactly 32 bytes.
  public init(sha256: some Collection<UInt8>) {
    precondition(sha256.count == 32, "a SHA-256 has 32 bytes")
    self.init(unchecked: Hexadecimal.encode(sha256))
  }

  public static func isValid(_ text: String) -> Bool { Hexadecimal.decode(text)?.count == 32 }
}
