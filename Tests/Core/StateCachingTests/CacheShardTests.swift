import ClusterModel
import PropertyTesting
import StateCaching
import Testing

@Suite struct CacheShardTests {
  private func key(_ text: String, in bucket: UInt32 = 1) -> CachedKey {
    CachedKey(BucketNumber(bucket), StateKey(unchecked: text))
  }

  private func look(
    _ shard: inout CacheShard, _ key: CachedKey, _ staleness: Int64, at now: Int64
  ) -> CacheShard.Look {
    shard.look(key, readSince: at(now - staleness).monotonic, at: at(now).monotonic)
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
    #expect(look(&shard, key("a"), 1000, at: 0) == .missed)
    shard.put(key("a"), entry("a"), shard.begin(at: at(0)))
    shard.put(key("none"), nil, shard.begin(at: at(0)))
    #expect(look(&shard, key("a"), 1000, at: 1000) == .found(entry("a")))
    #expect(look(&shard, key("none"), 1000, at: 1000) == .found(nil))
    #expect(look(&shard, key("a"), 1000, at: 1001) == .missed)
    #expect(look(&shard, key("a"), 9000, at: 0) == .missed, "it is gone")
  }

  @Test func `what has expired is not served`() {
    var shard = CacheShard(capacity: .kibibytes(64))
    shard.put(key("a"), entry("a", expiresAt: 5000), shard.begin(at: at(0)))
    #expect(look(&shard, key("a"), 1000, at: 4) != .missed)
    #expect(look(&shard, key("a"), 1000, at: 5) == .missed)
  }

  @Test func `what is forgotten while it is read is not remembered`() {
    var shard = CacheShard(capacity: .kibibytes(64))
    let ticket = shard.begin(at: at(0))
    shard.forget(key("a"))
    shard.put(key("a"), entry("a"), ticket)
    #expect(look(&shard, key("a"), 1000, at: 0) == .missed)
    shard.put(key("a"), entry("a"), shard.begin(at: at(0)))
    shard.put(key("a", in: 2), entry("a"), shard.begin(at: at(0)))
    shard.forget(key("a"))
    #expect(look(&shard, key("a"), 1000, at: 0) == .missed)
    #expect(look(&shard, key("a", in: 2), 1000, at: 0) != .missed)
  }

  @Test func `what nobody asks for goes first, and one that is too large is not kept`() {
    var shard = CacheShard(capacity: .kibibytes(4))
    shard.put(key("wanted"), entry("wanted", 500), shard.begin(at: at(0)))
    shard.put(key("idle"), entry("idle", 500), shard.begin(at: at(0)))
    for number in 0..<20 {
      #expect(look(&shard, key("wanted"), 1000, at: 0) != .missed)
      shard.put(key("\(number)"), entry("\(number)", 500), shard.begin(at: at(0)))
      #expect(shard.bytes <= 4096)
    }
    #expect(look(&shard, key("idle"), 1000, at: 0) == .missed)
    shard.put(key("large"), entry("large", 2000), shard.begin(at: at(0)))
    #expect(look(&shard, key("large"), 1000, at: 0) == .missed)
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
      // Forgetting all of a bucket is to go on under another number.
      var bucket: UInt32 = 1
      var pending: (CachedKey, StateEntry?, CacheShard.Ticket)?
      for step in steps {
        switch step {
        case .write(let number, let size):
          revision += 1
          store[number] = size % 7 == 0 ? nil : entry("\(number)", size, revision: revision)
          shard.forget(key("\(number)", in: bucket))
        case .begin(let number):
          pending = (key("\(number)", in: bucket), store[number], shard.begin(at: at(now)))
        case .end:
          if let (key, entry, ticket) = pending { shard.put(key, entry, ticket) }
          pending = nil
        case .forget(let number): shard.forget(key("\(number)", in: bucket))
        case .forgetAll: bucket += 1
        case .wait(let milliseconds): now += Int64(milliseconds)
        case .read(let number):
          switch look(&shard, key("\(number)", in: bucket), 500, at: now) {
          case .missed:
            shard.put(
              key("\(number)", in: bucket), store[number], shard.begin(at: at(now)))
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

  private enum TableStep {
    case put(Int), forget(Int)
  }

  // Many keys, so that places collide, slots are used again and the table grows: what is found is what a
  // dictionary holds.
  @Test func `a shard without bounds that matter holds what a dictionary holds`() async throws {
    let steps = zip(Generator<Int>.int(in: 0...3), Generator<Int>.int(in: 0...150)).map {
      kind, number -> TableStep in kind == 0 ? .forget(number) : .put(number)
    }.array(count: 0...600)
    try await checkProperty(
      "Feature: wasmatrix, Property 13: a cache is a dictionary of what was read", cases: 150, steps
    ) { steps in
      var shard = CacheShard(capacity: .mebibytes(64))
      var model: [Int: StateEntry] = [:]
      for (revision, step) in steps.enumerated() {
        switch step {
        case .put(let number):
          let entry = entry("\(number)", number, revision: Int64(revision))
          model[number] = entry
          shard.put(key("\(number)"), entry, shard.begin(at: at(0)))
        case .forget(let number):
          model[number] = nil
          shard.forget(key("\(number)"))
        }
      }
      return shard.count == model.count
        && (0...150).allSatisfy { number in
          look(&shard, key("\(number)"), 0, at: 0) == model[number].map { .found($0) } ?? .missed
        }
    }
  }

  @Test func `keys that only look the same are two`() {
    var shard = CacheShard(capacity: .kibibytes(64))
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
    shard.put(key(composed), entry(composed), shard.begin(at: at(0)))
    #expect(look(&shard, key(decomposed), 0, at: 0) == .missed)
    #expect(look(&shard, key(composed), 0, at: 0) == .found(entry(composed)))
    #expect(StateKey(unchecked: composed) != StateKey(unchecked: decomposed))
  }
}
