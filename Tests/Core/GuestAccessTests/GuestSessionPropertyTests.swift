import ClusterModel
import GuestAccess
import PropertyTesting
import Testing

// What an activation sees, against a model that carries each write out in a dictionary at once.
@Suite struct GuestSessionPropertyTests {
  private static let bucket = BucketName(unchecked: "b")
  private static let keys = ["a", "b", "c/d", "c/e", "x"].map { StateKey(unchecked: $0) }

  private enum Step {
    case set(Int, UInt8), delete(Int), merge(Int, MergeFunction, Int), create(Int), get(Int), list(
      Int, Int, Int)
  }

  private static let steps = zip(
    Generator<Int>.int(in: 0...5), Generator<Int>.int(in: 0...4), Generator<Int>.int(in: 0...9)
  ).map { kind, key, number -> Step in
    switch kind {
    case 0: .set(key, UInt8(number))
    case 1: .delete(key)
    case 2: .merge(key, MergeFunction.allCases[number % 4], number)
    case 3: .create(key)
    case 4: .get(key)
    case _: .list(key, number, 1 + number % 4)
    }
  }.array(count: 0...40)

  @Test func `an activation sees the store with its own writes on top`() async throws {
    let stored = Generator<Int>.int(in: 0...99).optional().array(count: 5...5)
    try await checkProperty(
      "Feature: wasmatrix, Property 21: reads see what the activation itself wrote", cases: 500,
      zip(stored, Self.steps)
    ) { stored, steps in
      var model: [StateKey: [UInt8]] = [:]
      var own: Set<StateKey> = []
      for (key, value) in zip(Self.keys, stored) {
        model[key] = value.map { Array(String($0).utf8) }
      }
      let store = model
      var session = GuestSession(
        CapabilityGrants(state: [StateGrant(bucket: Self.bucket, access: .write)]))
      for step in steps {
        guard Self.agree(step, &session, store, &model, &own) else { return false }
      }
      // And what is gathered makes of the store what the activation saw.
      return Self.carriedOut(session.effects.writes, on: store) == model
    }
  }

  private static func carriedOut(
    _ writes: [StateWrite], on store: [StateKey: [UInt8]]
  ) -> [StateKey: [UInt8]]? {
    var store = store
    for write in writes {
      if write.condition == .absent, store[write.key] != nil { return nil }
      switch write.action {
      case .set(let value): store[write.key] = value
      case .delete: store[write.key] = nil
      case .merge(let function, let operand):
        guard let value = try? function.merge(store[write.key], with: operand) else { return nil }
        store[write.key] = value
      }
    }
    return store
  }

  private static func entry(_ key: StateKey, _ store: [StateKey: [UInt8]]) -> StateEntry? {
    store[key].map {
      StateEntry(
        key: key, value: $0, revision: StateRevision(1), modifiedAt: WallInstant(microseconds: 0),
        expiresAt: nil)
    }
  }

  private static func ask(
    _ call: GuestCall, _ session: inout GuestSession, _ store: [StateKey: [UInt8]]
  ) -> GuestAnswer? {
    switch session.handle(call) {
    case .answer(let answer): answer
    case .read(_, let key, _): session.found(entry(key, store), for: call)
    case .list(_, let prefix, let after, let limit):
      list(call, prefix, after, limit, &session, store)
    case .deny, .invalidate, .send: nil
    }
  }

  private static func list(
    _ call: GuestCall, _ prefix: String, _ after: StateKey?, _ limit: Int,
    _ session: inout GuestSession,
    _ store: [StateKey: [UInt8]]
  ) -> GuestAnswer {
    var after = after
    while true {
      let all = store.keys.sorted().filter { key in
        key.text.hasPrefix(prefix) && (after.map { $0 < key } ?? true)
      }.compactMap { entry($0, store) }
      let page = Array(all.prefix(limit))
      let answer = session.listed(page, isComplete: all.count < limit, for: call)
      guard case .entries([]) = answer, all.count >= limit else { return answer }
      after = page.last?.key
    }
  }

  private static func agree(
    _ step: Step, _ session: inout GuestSession, _ store: [StateKey: [UInt8]],
    _ model: inout [StateKey: [UInt8]], _ own: inout Set<StateKey>
  ) -> Bool {
    func write(_ key: Int, _ action: StateWrite.Action, _ condition: StateCondition = .always)
      -> GuestCall
    {
      .write(
        StateWrite(bucket: bucket, key: keys[key], action: action, condition: condition))
    }
    switch step {
    case .set(let key, let byte):
      model[keys[key]] = [0x30 + byte]
      own.insert(keys[key])
      return ask(write(key, .set([0x30 + byte])), &session, store) == .done
    case .delete(let key):
      model[keys[key]] = nil
      own.insert(keys[key])
      return ask(write(key, .delete), &session, store) == .done
    case .merge(let key, let function, let number):
      let operand = Array(String(number).utf8)
      // Digits behind digits get too long to add in the end.
      guard let merged = try? function.merge(model[keys[key]], with: operand), merged.count < 15
      else { return true }
      model[keys[key]] = merged
      own.insert(keys[key])
      return ask(write(key, .merge(function, operand)), &session, store) == .done
    case .create(let key):
      let isFree = !own.contains(keys[key]) && model[keys[key]] == nil
      let answer = ask(write(key, .set([0x39]), .absent), &session, store)
      guard isFree else {
        if case .refused(let problem) = answer { return problem.code == "state_conflict" }
        return false
      }
      model[keys[key]] = [0x39]
      own.insert(keys[key])
      return answer == .done
    case .get(let key):
      guard case .entry(let entry) = ask(.get(bucket, keys[key], .strong), &session, store) else {
        return false
      }
      return entry?.value == model[keys[key]]
        && (entry == nil || (entry?.revision == nil) == own.contains(keys[key]))
    case .list(let from, let prefix, let limit):
      return agreeOnAll(
        after: from == 0 ? nil : keys[from], prefix % 2 == 0 ? "" : "c/", limit, &session, store,
        model)
    }
  }

  /// Page by page until there is none: all that the model has, each once.
  private static func agreeOnAll(
    after: StateKey?, _ prefix: String, _ limit: Int, _ session: inout GuestSession,
    _ store: [StateKey: [UInt8]], _ model: [StateKey: [UInt8]]
  ) -> Bool {
    var found: [GuestEntry] = []
    var last = after
    while true {
      let call = GuestCall.list(bucket, prefix: prefix, after: last, limit: limit)
      guard case .entries(let entries) = ask(call, &session, store), entries.count <= limit else {
        return false
      }
      guard !entries.isEmpty else { break }
      found += entries
      last = entries.last?.key
    }
    let expected = model.keys.sorted().filter { key in
      key.text.hasPrefix(prefix) && (after.map { $0 < key } ?? true)
    }
    return found.map(\.key) == expected && found.allSatisfy { $0.value == model[$0.key] }
  }
}
