import ArgumentParser
import ClusterModel
import HostPorts
import Testing

@testable import wasmatrix

/// What a module is granted that is run by hand, and what is told of what it did.
struct RunGrantTests {
  @Test func `grants are those of a manifest`() throws {
    let grants = try RunGrants([
      "publish=work/#", "publish=alarms/+", "state=tally", "state=seen/b:1/:read",
      "state=seen/a/:read", "http-out=http://127.0.0.1:8080", "http-out=*.example.com",
      "http-out.private=10.20.0.0/16", "scratch=4KiB", "bundle",
    ])
    #expect(
      grants.capabilities
        == CapabilityGrants(
          publish: [TopicFilter(unchecked: "alarms/+"), TopicFilter(unchecked: "work/#")],
          state: [
            StateGrant(
              bucket: BucketName(unchecked: "seen"), access: .read, prefixes: ["a/", "b:1/"]),
            StateGrant(bucket: BucketName(unchecked: "tally"), access: .write),
          ],
          httpOut: HTTPGrant(
            servers: [
              HTTPServerPattern(unchecked: "*.example.com"),
              HTTPServerPattern(unchecked: "http://127.0.0.1:8080"),
            ],
            privateAddresses: [AddressBlock(unchecked: "10.20.0.0/16")]),
          files: FileGrants(
            scratch: ScratchGrant(limits: ScratchLimits(size: .kibibytes(4))),
            bundle: FileGrants.defaultBundlePath)))
    #expect(try RunGrants([]).capabilities == .none)
    #expect(try RunGrants(["scratch"]).capabilities.files?.scratch?.limits == ScratchLimits())
  }

  static let malformed: [([String], String)] = [
    (["everything"], "http-out=SERVER"), ([""], "publish=TOPIC-FILTER"),
    (["publish"], "like --grant publish="), (["publish="], "like --grant publish="),
    (["publish=a/#/b"], "'#' alone in the last"), (["publish=$events"], "topics of the platform"),
    (["publish=a", "publish=a"], "given twice for a"), (["state="], "state=BUCKET"),
    (["state=:read"], "state=BUCKET"), (["state=No"], "is not a valid bucket name"),
    (["state=a/\u{7f}"], "begins no key"), (["state=a", "state=a:read"], "Decide on one"),
    (["state=a/x:read", "state=a/x:read"], "given twice for a"),
    (["http-out=ftp://a"], "is not a valid server"), (["http-out=a", "http-out=a"], "twice for a"),
    (["http-out.private=::1"], "--grant http-out=SERVER"),
    (["http-out=a", "http-out.private=10.0.0.0/99"], "leading bits"),
    (["scratch="], "4KiB"), (["scratch=1B"], "4KiB"),
    (["scratch", "scratch=1MiB"], "Give it once"),
    (["bundle=/data"], "takes no value"), (["bundle", "bundle"], "Give it once"),
  ]

  @Test(arguments: RunGrantTests.malformed)
  func `what is no grant says how one is written`(_ arguments: [String], said: String) {
    do throws(Problem) {
      _ = try RunGrants(arguments)
      Issue.record("it is taken")
    } catch {
      #expect(error.description.contains(said), "\(error)")
      #expect(error.next != nil)
    }
    let options = arguments.flatMap { ["--grant", $0] }
    #expect(throws: (any Error).self) { try RunVerb.parse(["x.wasm"] + options) }
  }

  @Test func `a module with any grant is told where the platform is`() throws {
    let own = EnvironmentVariable(name: "A", value: "b")
    let wrong = EnvironmentVariable(name: "WASMATRIX_HOST_FD", value: "9")
    #expect(try RunGrants([]).environment([own, wrong], behind: 2) == [own, wrong])
    for grant in ["publish=a", "state=a", "http-out=a", "scratch", "bundle"] {
      #expect(
        try RunGrants([grant]).environment([wrong, own], behind: 2)
          == [own, EnvironmentVariable(name: "WASMATRIX_HOST_FD", value: "5")])
    }
  }

  @Test(arguments: [
    ("hello.wasm", "hello"), ("/a/b-1.wasm", "b-1"), ("a/My_Module.wasm", "module"),
    ("plain", "plain"), ("", "module"), (".wasm", "module"),
  ])
  func `a module is named after its file, if that is a name`(path: String, name: String) {
    #expect(LocalRun.name(of: path).text == name)
  }

  @Test func `what was published is an event as in a log`() throws {
    let topic = Topic(unchecked: "alarms/1")
    let events = RunEffects.events(
      [
        GuestPublish(topic: topic, data: [1]),
        GuestPublish(topic: topic, type: "t", subject: "s", dataContentType: "text/plain"),
      ],
      by: ModuleName(unchecked: "hot"), at: WallInstant(microseconds: 7))
    #expect(events.map(\.id) == ["1-run", "2-run"])
    #expect(events.map(\.type) == ["alarms/1", "t"])
    let last = try #require(events.last)
    #expect(last.source == "/namespaces/default/modules/hot")
    #expect(last.subject == "s")
    #expect(last.dataContentType == "text/plain")
    #expect(last.time == WallInstant(microseconds: 7))
  }

  @Test func `of much that was done the first is shown, and how much it was`() {
    var effects = RunEffects()
    #expect(effects.lines == [])
    let topic = Topic(unchecked: "a")
    effects.published = RunEffects.events(
      Array(repeating: GuestPublish(topic: topic, data: Array("x\n".utf8)), count: 11),
      by: ModuleName(unchecked: "m"), at: WallInstant(microseconds: 0))
    let changes = [
      Self.change("k", 1, Array(repeating: 0x61, count: 101)), Self.change("l", 2, nil),
    ]
    effects.state = [RunEffects.Bucket(name: BucketName(unchecked: "b"), changes: changes)]
    let start = String(repeating: "a", count: 100)
    var expected = Array(repeating: #"published "a": "x\n""#, count: 10)
    expected += ["11 events were published in all"]
    expected += [#"state "b/k": "\#(start)"... (101B), revision 1"#, #"state "b/l": deleted"#]
    #expect(effects.lines == expected)
    let failed = RunEffects.discarding(ActivationEffects(published: [GuestPublish(topic: topic)]))
    #expect(failed.discarded == 1)
    #expect(failed.lines.count == 1)
  }

  private static func change(_ key: String, _ revision: Int64, _ value: [UInt8]?) -> StateChange {
    let (key, revision) = (StateKey(unchecked: key), StateRevision(revision))
    let now = WallInstant(microseconds: 0)
    return StateChange(
      key: key, revision: revision, at: now,
      entry: value.map {
        StateEntry(key: key, value: $0, revision: revision, modifiedAt: now, expiresAt: nil)
      })
  }
}
