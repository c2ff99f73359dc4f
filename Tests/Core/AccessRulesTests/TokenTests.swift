import AccessRules
import ClusterModel
import PropertyTesting
import Testing

@Suite struct TokenTests {
  private static let bytes = Generator<UInt8>.int(in: 0...255)

  @Test func `any bytes are written in base64url and read again`() async throws {
    try await checkProperty(
      "base64url is exact", cases: 300, Self.bytes.array(count: 0...80)
    ) { bytes in
      let text = Base64URL.encode(bytes)
      let digits = text.utf8.allSatisfy {
        $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || Character(UnicodeScalar($0)).isLetter
          || Character(UnicodeScalar($0)).isNumber
      }
      return digits && text.utf8.count == (bytes.count * 4 + 2) / 3
        && Base64URL.decode(text) == bytes
    }
    #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
  }

  @Test(arguments: ["A", "AB=", "A+B/", "AAAAA", "_x", "ä"])
  func `what nobody writes is not base64url`(_ text: String) {
    #expect(Base64URL.decode(text) == nil)
  }

  @Test func `the text of a token says what it is`() async throws {
    try await checkProperty(
      "tokens survive their text",
      zip(
        Self.bytes.array(count: 32...32), Self.bytes.array(count: 32...32),
        Generator<AccessToken.Purpose>.element(of: AccessToken.Purpose.allCases))
    ) { authority, secret, purpose in
      let token = AccessToken(
        purpose, authority: AuthorityFingerprint(sha256: authority), secret: secret)
      return try AccessToken(token.text, for: purpose) == token
        && !"\(token)".contains(Base64URL.encode(secret))
    }
  }

  @Test func `no text crashes the reading of a token, and no refusal repeats it`() async throws {
    let pieces = Generator<String>.element(of: [
      "wmu1", "wmj1", ".", "", String(repeating: "A", count: 43), "é", "\u{0}", "=", "wmu2",
      String(repeating: "secret", count: 50),
    ])
    try await checkProperty("any text", cases: 500, pieces.array(count: 0...6)) { pieces in
      let text = pieces.joined()
      do throws(Problem) {
        return try AccessToken(text, for: .user).text == text
      } catch {
        return error.category == .refused && !"\(error)".contains("secretsecret")
      }
    }
  }

  @Test func `a token of one purpose is not taken for another`() throws {
    let token = AccessToken(
      .join, authority: AuthorityFingerprint(sha256: [UInt8](repeating: 1, count: 32)),
      secret: [UInt8](repeating: 2, count: 32))
    #expect(throws: Problem.self) { try AccessToken(token.text, for: .user) }
    #expect(throws: Problem.self) { try AccessToken(token.text + "A", for: .join) }
  }
}
