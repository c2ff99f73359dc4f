import ClusterModel
import GuestAccess
import Testing

@Suite struct GuestSessionTests {
  private let stock = BucketName(unchecked: "stock")
  private let prices = BucketName(unchecked: "prices")

  private var grants: CapabilityGrants {
    CapabilityGrants(
      publish: [TopicFilter(unchecked: "alarms/#")],
      state: [
        StateGrant(bucket: stock, access: .write, prefixes: ["bolts/", "nuts/"]),
        StateGrant(bucket: prices, access: .read),
      ])
  }

  private func key(_ text: String) -> StateKey { StateKey(unchecked: text) }

  private func write(
    _ key: String, _ action: StateWrite.Action, _ condition: StateCondition = .always,
    in bucket: BucketName? = nil
  ) -> GuestCall {
    .write(
      StateWrite(
        bucket: bucket ?? stock, key: self.key(key), action: action, condition: condition))
  }

  private func entry(_ key: String, _ value: String, revision: Int64 = 7) -> StateEntry {
    StateEntry(
      key: self.key(key), value: Array(value.utf8), revision: StateRevision(revision),
      modifiedAt: WallInstant(microseconds: 0), expiresAt: nil)
  }

  private func seen(_ key: String, _ value: String, revision: Int64? = nil) -> GuestEntry {
    GuestEntry(
      key: self.key(key), value: Array(value.utf8), revision: revision.map { StateRevision($0) })
  }

  @Test func `a server is asked as far as it is granted`() throws {
    let grant = HTTPGrant(servers: [HTTPServerPattern(unchecked: "h")])
    func step(_ url: String, _ grant: HTTPGrant?) throws -> GuestSession.Step {
      var session = GuestSession(CapabilityGrants(httpOut: grant))
      return session.handle(.http(HTTPCall(method: "GET", target: try #require(HTTPTarget(url)))))
    }
    let call = HTTPCall(method: "GET", target: try #require(HTTPTarget("https://h/")))
    #expect(try step("https://h/", grant) == .send(call, grant))
    for (url, grant) in [("https://g/", Optional(grant)), ("https://h/", nil)] {
      guard case .deny(let denial) = try step(url, grant) else {
        Issue.record("\(url) was granted")
        continue
      }
      #expect(denial.capability == .httpOut)
    }
  }

  private func code(_ answer: GuestAnswer) -> String? {
    if case .refused(let problem) = answer { return problem.code }
    return nil
  }

  @Test func `what is granted is gathered, in order`() {
    var session = GuestSession(grants)
    let alarm = GuestPublish(topic: Topic(unchecked: "alarms/hall"), data: [1])
    #expect(session.handle(.publish(alarm)) == .answer(.done))
    #expect(session.handle(write("bolts/m8", .set([1]))) == .answer(.done))
    #expect(session.handle(write("bolts/m8", .delete)) == .answer(.done))
    #expect(session.effects.published == [alarm])
    #expect(session.effects.writes.map(\.action) == [.delete], "writes to one key are one")
    #expect(session.handle(write("bolts/m9", .set([1]))) == .answer(.done))
    #expect(session.effects.writes.map(\.key.text) == ["bolts/m8", "bolts/m9"])
  }

  @Test func `what is not granted is denied, and has no effect`() throws {
    var session = GuestSession(grants)
    let calls: [(GuestCall, String)] = [
      (.publish(GuestPublish(topic: Topic(unchecked: "readings/hall"))), "readings/hall"),
      (.publish(GuestPublish(topic: Topic(unchecked: "$wm/x"))), "$wm/x"),
      (write("screws/m8", .set([])), "stock/screws/m8"),
      (write("bolts", .set([])), "stock/bolts"),
      (write("a", .set([]), in: prices), "prices/a"),
      (write("a", .merge(.add, [0x31]), in: prices), "prices/a"),
      (.get(stock, key("screws/m8"), .strong), "stock/screws/m8"),
      (.list(stock, prefix: "", after: nil, limit: 1), "stock/"),
      (.list(stock, prefix: "bolts", after: nil, limit: 1), "stock/bolts"),
      (.get(BucketName(unchecked: "other"), key("a"), .cached), "other/a"),
      (.invalidate(BucketName(unchecked: "other"), key("a")), "other/a"),
    ]
    for (call, subject) in calls {
      guard case .deny(let denial) = session.handle(call) else {
        Issue.record("\(call) was not denied")
        continue
      }
      #expect(denial.subject == subject && denial.call == call.name)
      #expect(denial.problem.code == "denied")
    }
    #expect(session.effects.isEmpty)
    #expect(session.handle(.get(prices, key("a"), .strong)) == .read(prices, key("a"), .strong))
  }

  @Test func `nothing is granted unless it is said`() {
    var session = GuestSession(.none)
    guard case .deny = session.handle(.publish(GuestPublish(topic: Topic(unchecked: "a")))),
      case .deny = session.handle(.get(stock, key("a"), .strong))
    else {
      Issue.record("it was granted")
      return
    }
  }

  @Test func `reads see what the activation wrote`() {
    var session = GuestSession(grants)
    let get = GuestCall.get(stock, key("bolts/a"), .strong)
    #expect(
      session.found(entry("bolts/a", "5"), for: get) == .entry(seen("bolts/a", "5", revision: 7)))
    _ = session.handle(write("bolts/a", .merge(.add, Array("3".utf8))))
    #expect(session.found(entry("bolts/a", "5"), for: get) == .entry(seen("bolts/a", "8")))
    #expect(session.found(nil, for: get) == .entry(seen("bolts/a", "3")))
    _ = session.handle(write("bolts/a", .set(Array("x".utf8))))
    #expect(session.found(entry("bolts/a", "5"), for: get) == .entry(seen("bolts/a", "x")))
    _ = session.handle(write("bolts/a", .delete))
    #expect(session.found(entry("bolts/a", "5"), for: get) == .entry(nil))
    _ = session.handle(write("bolts/a", .set(Array("x".utf8))))
    guard case .answer(let answer) = session.handle(write("bolts/a", .merge(.add, [0x31]))) else {
      Issue.record("it was not answered")
      return
    }
    #expect(code(answer) == "merge_impossible")
    #expect(session.found(nil, for: get) == .entry(seen("bolts/a", "x")), "and has no effect")
  }

  @Test func `a guest that reads its own long writes again and again is refused in the end`() {
    var session = GuestSession(grants)
    let piece = [UInt8](repeating: 1, count: 1 << 16)
    for _ in 0..<128 { _ = session.handle(write("bolts/a", .merge(.append, piece))) }
    let get = GuestCall.get(stock, key("bolts/a"), .strong)
    var answers = 0
    while code(session.found(nil, for: get)) == nil, answers < 1000 { answers += 1 }
    #expect((1..<100).contains(answers))
    #expect(code(session.found(nil, for: get)) == "too_much_work")
    // What it did not write itself, it reads as before.
    let other = GuestCall.get(stock, key("bolts/b"), .strong)
    #expect(
      session.found(entry("bolts/b", "5"), for: other) == .entry(seen("bolts/b", "5", revision: 7)))
  }

  @Test func `writes to one key become one that does the same`() {
    let cases: [([StateWrite.Action], [StateWrite.Action])] = [
      ([.set([1]), .set([2])], [.set([2])]), ([.delete, .set([2])], [.set([2])]),
      ([.set([0x31]), .merge(.add, [0x32])], [.set([0x33])]),
      ([.delete, .merge(.add, [0x32])], [.set([0x32])]),
      ([.set([1]), .merge(.append, [2])], [.set([1, 2])]),
      ([.merge(.append, [1]), .merge(.append, [2])], [.merge(.append, [1, 2])]),
      ([.merge(.add, [0x31]), .merge(.add, [0x32])], [.merge(.add, [0x33])]),
      ([.merge(.maximum, [0x31]), .merge(.maximum, [0x32])], [.merge(.maximum, [0x32])]),
      (
        [.merge(.add, [0x31]), .merge(.maximum, [0x32])],
        [.merge(.add, [0x31]), .merge(.maximum, [0x32])]
      ),
      (
        [.merge(.add, Array("\(Int64.max)".utf8)), .merge(.add, [0x31])],
        [.merge(.add, Array("\(Int64.max)".utf8)), .merge(.add, [0x31])]
      ),
    ]
    for (asked, expected) in cases {
      var session = GuestSession(grants)
      for action in asked { _ = session.handle(write("bolts/a", action)) }
      #expect(session.effects.writes.map(\.action) == expected)
    }
    var session = GuestSession(grants)
    let first = write("bolts/a", .set([1]), .unchanged(since: StateRevision(7)))
    _ = session.handle(first)
    _ = session.found(entry("bolts/a", "5"), for: first)
    _ = session.handle(write("bolts/a", .delete))
    #expect(session.effects.writes.map(\.condition) == [.unchanged(since: StateRevision(7))])
    #expect(session.effects.writes.map(\.action) == [.delete])
  }

  @Test func `a condition that does not hold is refused at once, and gathers nothing`() {
    var session = GuestSession(grants)
    let change = write("bolts/a", .set([1]), .unchanged(since: StateRevision(7)))
    #expect(session.handle(change) == .read(stock, key("bolts/a"), .strong))
    #expect(
      code(session.found(entry("bolts/a", "5", revision: 8), for: change)) == "state_conflict")
    #expect(code(session.found(nil, for: change)) == "state_conflict")
    #expect(session.effects.isEmpty)
    #expect(session.found(entry("bolts/a", "5"), for: change) == .done)
    #expect(session.effects.writes.map(\.condition) == [.unchanged(since: StateRevision(7))])
    // What it wrote itself has no revision yet.
    #expect(code(session.found(entry("bolts/a", "5"), for: change)) == "state_conflict")
    let create = write("bolts/b", .set([1]), .absent)
    #expect(code(session.found(entry("bolts/b", "5"), for: create)) == "state_conflict")
    #expect(session.found(nil, for: create) == .done)
  }

  @Test func `a list has what the activation wrote, as far as the page goes`() {
    var session = GuestSession(grants)
    _ = session.handle(write("bolts/b", .set(Array("own".utf8))))
    _ = session.handle(write("bolts/z", .set(Array("last".utf8))))
    _ = session.handle(write("bolts/a", .delete))
    _ = session.handle(write("nuts/a", .set([])))
    let call = GuestCall.list(stock, prefix: "bolts/", after: nil, limit: 10)
    let page = [entry("bolts/a", "1"), entry("bolts/c", "2")]
    #expect(
      session.listed(page, isComplete: false, for: call)
        == .entries([seen("bolts/b", "own"), seen("bolts/c", "2", revision: 7)]))
    #expect(
      session.listed(page, isComplete: true, for: call)
        == .entries([
          seen("bolts/b", "own"), seen("bolts/c", "2", revision: 7), seen("bolts/z", "last"),
        ]))
    let rest = GuestCall.list(stock, prefix: "bolts/", after: key("bolts/c"), limit: 10)
    #expect(session.listed([], isComplete: true, for: rest) == .entries([seen("bolts/z", "last")]))
    let one = GuestCall.list(stock, prefix: "bolts/", after: nil, limit: 1)
    #expect(session.listed(page, isComplete: true, for: one) == .entries([seen("bolts/b", "own")]))
  }
}
