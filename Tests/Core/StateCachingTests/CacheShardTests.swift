import ClusterModel
import PropertyTesting
import StateCaching
import Testing

@Suite struct CacheShardTests {
  private func key(_ text: String, in bucket: String = "b") -> CachedKey {
    CachedKey(.default, BucketName(unchecked: bucket), StateKey(unchecked: text))
  }

  private func entry(
    _ text: String, _ size: Int = 1, expiresAt: Int64? = nil, revision: Int64 = 1
  ) -> StateEntry {
    StateEntry(
      key: StateKey(unchecked: text), value: [UInt8](repeating: 0, count: size),
      revision: StateRevision(revision), modifiedAt: WallInstant(microseconds: 0),
      expiresAt: expiresAt.map { WallInstant(microseconds: $0) })
  }

  private func at(_ milliseconds: Int64) -> Instants {
    Instants(
      monotonic: MonotonicInstant(nanoseconds: milliseconds * 1_000_000),
      wall: WallInstant(microseconds: milliseconds * 1000))
  }

  @Test func `what was read is served for as long as it may be old`() {
    var shard = CacheShard(capacity: .kibibytes(64))
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(0)) == .missed)
    shard.put(key("a"), entry("a"), shard.begin(at: at(0).monotonic))
    shard.put(key("none"), nil, shard.begin(at: at(0).monotonic))
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(1000)) == .found(entry("a")))
    #expect(shard.look(key("none"), atMost: .seconds(1), at: at(1000)) == .found(nil))
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(1001)) == .missed)
    #expect(shard.look(key("a"), atMost: .seconds(9), at: at(0)) == .missed, "it is gone")
  }

  @Test func `what has expired is not served`() {
    var shard = CacheShard(capacity: .kibibytes(64))
    shard.put(key("a"), entry("a", expiresAt: 5000), shard.begin(at: at(0).monotonic))
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(4)) != .missed)
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(5)) == .missed)
  }

  @Test func `what is forgotten while it is read is not remembered`() {
    var shard = CacheShard(capacity: .kibibytes(64))
    let ticket = shard.begin(at: at(0).monotonic)
    shard.forget(key("a"))
    shard.put(key("a"), entry("a"), ticket)
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(0)) == .missed)
    shard.put(key("a"), entry("a"), shard.begin(at: at(0).monotonic))
    shard.put(key("a", in: "c"), entry("a"), shard.begin(at: at(0).monotonic))
    shard.forgetAll(in: BucketName(unchecked: "b"), of: .default)
    #expect(shard.look(key("a"), atMost: .seconds(1), at: at(0)) == .missed)
    #expect(shard.look(key("a", in: "c"), atMost: .seconds(1), at: at(0)) != .missed)
  }

  @Test func `what nobody asks for goes first, and one that is too large is not kept`() {
    var shard = CacheShard(capacity: .kibibytes(4))
    shard.put(key("wanted"), entry("wanted", 500), shard.begin(at: at(0).monotonic))
    shard.put(key("idle"), entry("idle", 500), shard.begin(at: at(0).monotonic))
    for number in 0..<20 {
      #expect(shard.look(key("wanted"), atMost: .seconds(1), at: at(0)) != .missed)
      shard.put(key("\(number)"), entry("\(number)", 500), shard.begin(at: at(0).monotonic))
      #expect(shard.bytes <= 4096)
    }
    #expect(shard.look(key("idle"), atMost: .seconds(1), at: at(0)) == .missed)
    shard.put(key("large"), entry("large", 2000), shard.begin(at: at(0).monotonic))
    #expect(shard.look(key("large"), atMost: .seconds(1), at: at(0)) == .missed)
  }

  private enum Step {
    case write(Int, Int), read(Int), begin(Int), end, forget(Int), forgetAll, wait(Int)
  }

  // A store whose writes are told to the shard at once. Whatever happens, what the shard serves was in the
  // store at some time no longer ago than allowed, and after a write was told never what was there before.
  @Test func `nothing is served that is older than allowed, or than what was told`() async throws {
    let steps = zip(Generator<Int>.int(in: 0...11), Generator<Int>.int(in: 0...400)).map {
      kind, number -> Step in
      switch kind {
      case 0, 1: .write(number % 4, number)
      case 2: .begin(number % 4)
      case 3: .end
      case 4: .forget(number % 4)
      case 5: number % 5 == 0 ? .forgetAll : .read(number % 4)
      case 6, 7: .wait(number)
      case _: .read(number % 4)
      }
    }.array(count: 0...120)
    try await checkProperty(
      "Feature: wasmatrix, Property 23: a cache serves nothing older than it may", cases: 400, steps
    ) { steps in
      var shard = CacheShard(capacity: .kibibytes(4))
      var store: [Int: StateEntry] = [:]
      var now: Int64 = 0
      var revision: Int64 = 0
      var pending: (Int, StateEntry?, CacheShard.Ticket, since: Int64)?
      // When the newest value of each key was read last, as far as the shard can know.
      for step in steps {
        switch step {
        case .write(let number, let size):
          revision += 1
          store[number] = size % 7 == 0 ? nil : entry("\(number)", size, revision: revision)
          shard.forget(key("\(number)"))
        case .begin(let number):
          pending = (number, store[number], shard.begin(at: at(now).monotonic), now)
        case .end:
          if let (number, entry, ticket, _) = pending { shard.put(key("\(number)"), entry, ticket) }
          pending = nil
        case .forget(let number): shard.forget(key("\(number)"))
        case .forgetAll: shard.forgetAll(in: BucketName(unchecked: "b"), of: .default)
        case .wait(let milliseconds): now += Int64(milliseconds)
        case .read(let number):
          switch shard.look(key("\(number)"), atMost: .milliseconds(500), at: at(now)) {
          case .missed:
            shard.put(key("\(number)"), store[number], shard.begin(at: at(now).monotonic))
          case .found(let entry):
            guard entry == store[number] else { return false }
          }
        }
        guard shard.bytes <= 4096, shard.bytes >= shard.count * CacheShard.overhead else {
          return false
        }
      }
      return true
    }
  }
}
