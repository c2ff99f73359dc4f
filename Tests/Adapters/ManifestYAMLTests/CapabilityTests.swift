import ClusterModel
import ManifestYAML
import Testing

@Suite struct CapabilityTests {
  private func read(_ lines: String) throws(ManifestProblems) -> ApplicationManifest {
    try ManifestReader.read("apiVersion: wasmatrix/v1\nname: app\n" + lines, file: "f")
  }

  @Test func `buckets and grants are read`() throws {
    let manifest = try read(
      """
      buckets:
        counts:
        prices: { consistency: cached, staleness: 5s, value-size: 64KiB, size: 2MiB, ttl: 24h }
      modules:
        m:
          version: 1.0.0
          limits: { calls: 5, call-bytes: 1KiB, outstanding-calls: 7 }
          capabilities:
            publish: [alarms/#, "+/x"]
            state:
              counts: { access: write, prefix: [a/, b/] }
              prices: { access: read, prefix: eur/ }
      """)
    let application = ApplicationName(unchecked: "app")
    #expect(
      manifest.buckets == [
        Bucket(name: BucketName(unchecked: "counts"), application: application),
        Bucket(
          name: BucketName(unchecked: "prices"), consistency: .cached(staleness: .seconds(5)),
          maximumValue: .kibibytes(64), maximumSize: .mebibytes(2), timeToLive: .seconds(86400),
          application: application),
      ])
    let configuration = try #require(manifest.modules.first?.configuration)
    #expect(
      configuration.capabilities
        == CapabilityGrants(
          publish: [TopicFilter(unchecked: "+/x"), TopicFilter(unchecked: "alarms/#")],
          state: [
            StateGrant(
              bucket: BucketName(unchecked: "counts"), access: .write, prefixes: ["a/", "b/"]),
            StateGrant(bucket: BucketName(unchecked: "prices"), access: .read, prefixes: ["eur/"]),
          ]))
    #expect(configuration.capabilities.granted == [.publish, .state])
    #expect(configuration.limits.calls == 5 && configuration.limits.callBytes == .kibibytes(1))
    #expect(configuration.limits.outstandingCalls == 7)
  }

  @Test func `nothing is granted when nothing is said`() throws {
    let manifest = try read("modules: { m: { version: 1.0.0 } }")
    #expect(manifest.modules.first?.configuration.capabilities == CapabilityGrants.none)
    #expect(manifest.buckets.isEmpty)
  }

  private func problems(_ buckets: String, _ capabilities: String) -> [String] {
    let text =
      "buckets: \(buckets)\nmodules: { m: { version: 1.0.0, capabilities: \(capabilities) } }"
    do throws(ManifestProblems) {
      _ = try read(text)
      return []
    } catch {
      return error.description.split(separator: "\n").map(String.init)
    }
  }

  @Test(arguments: [
    ("{ fly: 1 }", "f:4:49: modules.m.capabilities.fly: unknown key"),
    ("{ publish: [a/#/b] }", "is not a valid topic filter"),
    ("{ publish: [a, a] }", "it is there twice"), ("{ publish: a }", "a list of topic filters"),
    ("{ publish: [$wm/a] }", "topics of the platform"),
    (
      "{ state: { cuonts: { access: read } } }",
      "f:4:58: modules.m.capabilities.state.cuonts: there"
    ),
    ("{ state: { cuonts: { access: read } } }", "did you mean \"counts\"?"),
    ("{ state: { other/counts: { access: read } } }", "a bucket of another namespace"),
    ("{ state: { counts: {} } }", "the required key \"access\" is missing"),
    ("{ state: { counts: { access: all } } }", "is not known; allowed: read, write"),
    ("{ state: { counts: { access: read, prefix: [] } } }", "there is no prefix"),
    ("{ state: { counts: { access: read, prefix: [a, a] } } }", "it is there twice"),
    ("{ state: { counts: { access: read, key: a } } }", "unknown key"),
    ("{ state: [counts] }", "a mapping from the name of each bucket"),
    ("{ http-out: {} }", "the required key \"servers\" is missing"),
    ("{ http-out: { servers: [] } }", "there is no server"),
    ("{ http-out: { servers: [\"ftp://h\"] } }", "is not a valid server"),
    ("{ http-out: { servers: [h, h] } }", "it is there twice"),
    ("{ http-out: { servers: [h], private: [10.0.0.0/33] } }", "is not a valid block of addresses"),
    ("{ http-out: { servers: [h], response: 2MiB } }", "is too large"),
    ("{ http-out: { servers: [h], timeout: 5m } }", "is too large"),
    ("{ http-out: { servers: [h], hosts: [h] } }", "unknown key"),
  ])
  func `a wrong grant is told with its place`(capabilities: String, says: String) {
    let found = problems("{ counts: {} }", capabilities)
    #expect(found.count == 1 && found.allSatisfy { $0.contains(says) }, "\(found)")
  }

  @Test(arguments: [
    ("{ Counts: {} }", "is not a valid bucket name"),
    ("{ counts: { consistency: weak } }", "is not known; allowed: strong, cached"),
    ("{ counts: { staleness: 1s } }", "a strong bucket has no staleness"),
    ("{ counts: { size: 1B } }", "is too small"), ("{ counts: { ttl: 1ms } }", "is too small"),
    ("{ counts: { entries: 5 } }", "unknown key"), ("[counts]", "a mapping from the name"),
  ])
  func `a wrong bucket is told with its place`(buckets: String, says: String) {
    let found = problems(buckets, "{}")
    #expect(found.count == 1 && found.allSatisfy { $0.contains(says) }, "\(found)")
  }
}

@Suite struct HTTPOutTests {
  @Test func `servers are granted with their bounds`() throws {
    let text =
      "apiVersion: wasmatrix/v1\nname: app\nmodules: { m: { version: 1.0.0, capabilities: { http-out: { "
      + "servers: [b.example, \"http://a:80\"], private: [10.0.0.0/8], response: 4KiB, timeout: 2s } } } }"
    let configuration = try ManifestReader.read(text, file: "f").modules.first?.configuration
    #expect(
      configuration?.capabilities.httpOut
        == HTTPGrant(
          servers: [
            HTTPServerPattern(unchecked: "b.example"), HTTPServerPattern(unchecked: "http://a:80"),
          ],
          privateAddresses: [AddressBlock(unchecked: "10.0.0.0/8")], responseSize: .kibibytes(4),
          timeout: .seconds(2)))
    #expect(configuration?.capabilities.granted == [.httpOut])
  }
}

@Suite struct FileGrantTests {
  private func grants(_ capabilities: String) throws(ManifestProblems) -> CapabilityGrants? {
    let text =
      "apiVersion: wasmatrix/v1\nname: app\nmodules: { m: { version: 1.0.0, "
      + "limits: { open-files: 7 }, capabilities: \(capabilities) } }"
    let configuration = try ManifestReader.read(text, file: "f").modules.first?.configuration
    #expect(configuration?.limits.openFiles == 7)
    return configuration?.capabilities
  }

  private func problem(_ capabilities: String) -> String {
    do throws(ManifestProblems) {
      _ = try grants(capabilities)
      return ""
    } catch {
      return error.description
    }
  }

  @Test func `scratch folders are read, with their defaults`() throws {
    #expect(
      try grants("{ files: { scratch: {} } }")?.files
        == FileGrants(scratch: ScratchGrant(limits: ScratchLimits())))
    let given = try grants(
      "{ on-denial: end, files: { scratch: { at: /a/b, size: 4KiB, entries: 9 } } }")
    #expect(
      given
        == CapabilityGrants(
          files: FileGrants(
            scratch: ScratchGrant(
              path: GuestFolderPath(unchecked: "/a/b"),
              limits: ScratchLimits(size: .kibibytes(4), entries: 9))), onDenial: .end))
    #expect(given?.granted == [.files])
  }

  @Test func `bundles are read, and stand elsewhere than scratch folders`() throws {
    #expect(
      try grants("{ files: { bundle: {} } }")?.files
        == FileGrants(bundle: FileGrants.defaultBundlePath))
    #expect(
      try grants("{ files: { bundle: { at: /a }, scratch: {} } }")?.files?.bundle?.text == "/a")
    #expect(
      problem("{ files: { bundle: { at: /x }, scratch: { at: /x } } }").contains("two folders"))
  }

  @Test func `what cannot be is refused with what is allowed`() {
    #expect(problem("{ files: {} }").contains("nothing is granted"))
    #expect(problem("{ files: { home: {} } }").contains("allowed: scratch"))
    #expect(problem("{ files: { scratch: { size: 1KiB } } }").contains("4KiB to 4GiB"))
    #expect(problem("{ files: { scratch: { entries: 0 } } }").contains("1 to 10000"))
    for path in ["tmp", "/tmp/", "/a//b", "/a/../b", "/.", "\"/a\\nb\""] {
      #expect(
        problem("{ files: { scratch: { at: \(path) } } }").contains("absolute path"), "\(path)")
    }
    #expect(problem("{ on-denial: ignore }").contains("refuse, end"))
    // Every module has it: there is nothing to grant.
    #expect(problem("{ clocks: {} }").contains("unknown key"))
  }
}
