import ClusterModel
import PropertyTesting
import Testing

@Suite struct HTTPGrantTests {
  @Test(
    arguments: [
      ("0.0.0.0", false), ("10.1.2.3", false), ("100.64.0.1", false), ("127.0.0.1", false),
      ("169.254.169.254", false), ("172.16.0.1", false), ("172.32.0.1", true),
      ("192.168.1.1", false), ("198.18.0.1", false), ("224.0.0.1", false),
      ("255.255.255.255", false), ("8.8.8.8", true), ("1.1.1.1", true), ("::", false),
      ("::1", false), ("fe80::1", false), ("fc00::1", false), ("fd12::1", false),
      ("ff02::1", false),
      ("::ffff:127.0.0.1", false), ("::ffff:8.8.8.8", true), ("64:ff9b::7f00:1", false),
      ("2001:db8::1", false), ("2002:7f00:1::", false), ("2001::1", false),
      ("2606:4700:4700::1111", true), ("2a00:1450:4001::200e", true),
    ]) func `private places are told from public ones`(text: String, isPublic: Bool) throws
  {
    #expect(try #require(HostAddress(text)).isPublic == isPublic)
  }

  @Test(arguments: [
    "", "1", "127.1", "0x7f.0.0.1", "127.0.0.01", "1.2.3.256", "1.2.3.4.5", "+1.2.3.4", ":", ":::",
    "1::2::3", "1:2:3:4:5:6:7:8:9", "g::1", "12345::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4",
    "fe80::1%1",
  ]) func `what only some take for an address is none`(text: String) {
    #expect(HostAddress(text) == nil)
  }

  @Test func `blocks hold what begins with their bits`() {
    let block = AddressBlock(unchecked: "10.20.0.0/14")
    #expect(block.contains(.v4(0x0a17_ffff)))
    #expect(!block.contains(.v4(0x0a18_0000)))
    #expect(AddressBlock(unchecked: "0.0.0.0/0").contains(.v4(7)))
    #expect(AddressBlock(unchecked: "fd00::/8").contains(.v6(0xfdff << 48, 1)))
    #expect(!AddressBlock(unchecked: "fd00::/8").contains(.v6(0xfc00 << 48, 1)))
    #expect(AddressBlock(unchecked: "::1").contains(.v6(0, 1)))
    for text in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "host/8", "10.0.0.0/8/8"] {
      #expect(!AddressBlock.isValid(text), "\(text)")
    }
  }

  @Test(
    arguments: [
      ("https://api.example.com", "https://api.example.com:443/"),
      ("http://API.Example.com:8080/a?b=c", "http://api.example.com:8080/a?b=c"),
      ("https://h?x", "https://h:443/?x"), ("https://[2001:DB8::1]/", "https://[2001:DB8::1]:443/"),
      ("http://10.0.0.7/", "http://10.0.0.7:80/"),
    ]) func `a URL is read to its parts`(url: String, parts: String)
  {
    #expect(HTTPTarget(url)?.text == parts)
  }

  @Test(arguments: [
    "", "api.example.com", "ftp://h/", "https://", "https:///x", "https://user@h/",
    "https://h:pw@evil/", "https://h/#f", "https://h:0/", "https://h:70000/", "https://h:/",
    "https://h x/", "https://h\\@evil/", "https://127.1/", "https://2130706433/", "https://a..b/",
    "https://a.b./", "https://-a/", "https://[::1", "https://::1/", "https://[127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/", "https://h\u{e4}/", "https://h%2e/", "//h/",
  ]) func `a URL of which two readers might think differently is none`(url: String) {
    #expect(HTTPTarget(url) == nil)
  }

  @Test func `a server is granted by scheme, host and port`() throws {
    func allows(_ server: String, _ url: String) throws -> Bool {
      HTTPServerPattern(unchecked: server).matches(try #require(HTTPTarget(url)))
    }
    #expect(try allows("api.example.com", "https://api.example.com/x"))
    #expect(try !allows("api.example.com", "http://api.example.com/x"))
    #expect(try !allows("api.example.com", "https://api.example.com:444/x"))
    #expect(try !allows("api.example.com", "https://evil-api.example.com/"))
    #expect(try allows("http://plc.local:8080", "http://plc.local:8080/"))
    #expect(try allows("*.example.com", "https://a.b.example.com/"))
    #expect(try !allows("*.example.com", "https://example.com/"))
    #expect(try !allows("*.example.com", "https://evilexample.com/"))
    #expect(try allows("10.0.0.7", "https://10.0.0.7/"))
    #expect(try allows("[2001:db8::1]", "https://[2001:db8:0::1]/"))
    for text in ["", "*", "*.", "*.10.0.0.1", "h/x", "a.*.b", "https://user@h", "gopher://h"] {
      #expect(!HTTPServerPattern.isValid(text), "\(text)")
    }
  }

  @Test func `names may lead to public addresses, and to those that are granted`() throws {
    let grant = HTTPGrant(
      servers: [HTTPServerPattern(unchecked: "http://127.0.0.1:1")],
      privateAddresses: [AddressBlock(unchecked: "10.20.0.0/16")])
    #expect(grant.allows(.v4(0x0808_0808)))
    // One that is granted as an address is granted with its port, not to names.
    #expect(!grant.allows(.v4(0x7f00_0001)))
    #expect(grant.allows(try #require(HTTPTarget("http://127.0.0.1:1/"))))
    #expect(grant.allows(.v4(0x0a14_0001)))
    #expect(!grant.allows(.v4(0x0a15_0001)))
  }

  @Test(arguments: [
    "host", "connection", "content-length", "a b", "", "x:", "\u{e4}", "transfer-encoding",
  ])
  func `headers of the connection and odd ones are refused`(name: String) {
    #expect(HTTPRules.complaint(of: HTTPCall.Header(name: name, value: "v")) != nil)
    #expect(HTTPRules.complaint(of: HTTPCall.Header(name: "x-ok", value: "v\r\nx: y")) != nil)
    #expect(HTTPRules.complaint(of: HTTPCall.Header(name: "x-ok", value: "v")) == nil)
  }

  // Whatever bytes a guest sends as a URL: it is refused, or read to parts that read again to the same.
  @Test func `any text is a URL that reads again to itself, or none`() async throws {
    let pieces = Generator<Int>.int(in: 0...17).map { index in
      [
        "http://", "https://", "a", "b.c", ".", ":", "80", "/", "?", "@", "[", "]", "::1",
        "127.0.0.1",
        "%41", "#", "\\", "-",
      ][index]
    }.array(count: 0...8)
    try await checkProperty(
      "Feature: wasmatrix, Property 5: a URL has one reading", cases: 400, pieces
    ) { pieces in
      guard let target = HTTPTarget(pieces.joined()) else { return true }
      return HTTPTarget(target.text) == target
    }
  }
}
