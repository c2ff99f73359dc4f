import ClusterModel
public import HostPorts
import PropertyTesting

/// What every ``StateStore`` must do, whatever it is made of: any sequence of writes, deletions, merges,
/// expiries and restarts leaves what a model says.
public struct StateStoreConformance: Sendable {
  /// A store that can be closed and opened again with what was in it.
  public struct Subject: Sendable {
    public let store: any StateStore
    public let reopen: @Sendable () async throws -> Subject
    public init(store: any StateStore, reopen: @escaping @Sendable () async throws -> Subject) {
      self.store = store
      self.reopen = reopen
    }
  }

  /// What somebody does. Numbers choose among few keys and values, so that they meet.
  enum Step: Sendable {
    case write([StateWrite])
    case compareAndSet(key: Int, isFresh: Bool, value: Int)
    case wait(seconds: Int)
    case sweep
    case reopen
    case remove
  }

  private struct Difference: Error, CustomStringConvertible { let description: String }

  let fresh: @Sendable () async throws -> Subject

  /// - Parameter fresh: makes a store with nothing in it.
  public init(fresh: @escaping @Sendable () async throws -> Subject) { self.fresh = fresh }

  static let buckets = [
    Bucket(name: BucketName(unchecked: "plain")),
    Bucket(
      name: BucketName(unchecked: "small"), maximumValue: ByteCount(bytes: 40),
      maximumSize: ByteCount(bytes: 1024)),
    Bucket(
      name: BucketName(unchecked: "brief"), consistency: .cached(staleness: .seconds(1)),
      timeToLive: .seconds(10)),
  ]

  static func key(_ number: Int) -> StateKey {
    StateKey(unchecked: ["a", "a/b", "a/c", "b", "ä", "\u{1F600}"][number % 6])
  }

  private static var write: Generator<StateWrite> {
    let number = Generator<Int>.int(in: 0...60)
    let action = Generator<StateWrite.Action>.oneOf([
      number.map { .set(Array("\($0)".utf8) + [UInt8](repeating: 0x20, count: $0)) },
      number.map { .set(Array("\($0)".utf8)) },
      .constant(.delete),
      zip(Generator<MergeFunction>.element(of: MergeFunction.allCases), number).map {
        .merge($0, Array("\($1)".utf8))
      },
    ])
    let condition = Generator<StateCondition>.oneOf([
      .constant(.always), .constant(.always), .constant(.absent),
    ])
    return zip(zip(Generator<Bucket>.element(of: buckets), number), action, condition).map {
      StateWrite(bucket: $0.0.name, key: key($0.1), action: $1, condition: $2)
    }
  }

  private static var step: Generator<Step> {
    let number = Generator<Int>.int(in: 0...60)
    return .oneOf([
      write.array(count: 1...1).map { .write($0) },
      write.array(count: 1...4).map { .write($0) },
      zip(number, Generator<Bool>.bool, number).map {
        .compareAndSet(key: $0, isFresh: $1, value: $2)
      },
      Generator<Int>.int(in: 0...12).map { .wait(seconds: $0) },
      .constant(.sweep), .constant(.reopen), .constant(.remove),
    ])
  }

  // Feature: wasmatrix, Property 13: state lives outside of modules, in stores that keep their promises
  public func check() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 13: a state store does what a model does", cases: 100,
      Self.step.array(count: 0...25)
    ) { steps in
      var subject = try await fresh()
      var model = ModelStateStore()
      for bucket in Self.buckets {
        try await subject.store.declare(bucket)
        model.declare(bucket)
      }
      for step in steps {
        if case .reopen = step {
          subject = try await subject.reopen()
        } else {
          try await carryOut(step, subject.store, &model)
        }
        try await compareSizes(subject.store, model)
      }
      try await compare(subject.store, model)
      return true
    }
  }

  private func carryOut(
    _ step: Step, _ store: any StateStore, _ model: inout ModelStateStore
  ) async throws {
    switch step {
    case .reopen: break
    case .write(let writes): try await write(writes, store, &model)
    case .compareAndSet(let key, let isFresh, let value):
      let name = Self.buckets[0].name
      let present = model.get(Self.key(key), name)?.revision ?? StateRevision(1)
      let since = isFresh ? present : StateRevision(present.number + 1)
      try await write(
        [
          StateWrite(
            bucket: name, key: Self.key(key), action: .set(Array("\(value)".utf8)),
            condition: .unchanged(since: since))
        ], store, &model)
    case .wait(let seconds): model.now = model.now + .seconds(seconds)
    case .sweep:
      try expect(
        try await store.sweep(at: model.now, limit: 1000), model.sweep(), "what was swept")
    case .remove:
      let bucket = Self.buckets[1]
      try expect(
        try await store.removeBucket(bucket.name, in: .default), model.remove(bucket.name),
        "whether it was removed")
      try await store.declare(bucket)
      model.declare(bucket)
    }
  }

  private func write(
    _ writes: [StateWrite], _ store: any StateStore, _ model: inout ModelStateStore
  ) async throws {
    let expected = model.write(writes)
    let found: Result<[StateRevision], Problem>
    do throws(Problem) {
      found = .success(try await store.write(writes, in: .default, at: model.now))
    } catch {
      found = .failure(error)
    }
    try expect(
      found.mapError { ModelStateStore.Refusal(code: $0.code) }, expected, "the answer to \(writes)"
    )
  }

  private func compareSizes(_ store: any StateStore, _ model: ModelStateStore) async throws {
    try expect(
      try await store.buckets(in: .default).map { "\($0.bucket.name) \($0.entries) \($0.size)" },
      model.statuses.map { "\($0.bucket.name) \($0.entries) \($0.size)" }, "the buckets")
  }

  private func compare(_ store: any StateStore, _ model: ModelStateStore) async throws {
    for bucket in Self.buckets.map(\.name) {
      for number in 0..<6 {
        let key = Self.key(number)
        try expect(
          try await store.get(key, in: bucket, of: .default, at: model.now), model.get(key, bucket),
          "\(bucket) \(key)")
      }
      for prefix in ["", "a", "a/", "ä"] {
        try expect(
          try await store.list(
            bucket, of: .default, prefix: prefix, after: nil, limit: 100, at: model.now),
          model.list(bucket, prefix: prefix), "the list of \(bucket) \(prefix)")
        for after in [model.forgotten(bucket), model.newest] {
          try expect(
            try await store.changes(
              in: bucket, of: .default, prefix: prefix, after: after, limit: 100),
            model.changes(bucket, prefix: prefix, after: after),
            "the changes of \(bucket) after \(after)")
        }
      }
      let first = model.list(bucket, prefix: "").first?.key
      try expect(
        try await store.list(
          bucket, of: .default, prefix: "", after: first, limit: 1, at: model.now),
        Array(model.list(bucket, prefix: "").dropFirst().prefix(1)), "the second page of \(bucket)")
    }
  }

  private func expect<Value: Equatable>(
    _ found: Value, _ expected: Value, _ what: @autoclosure () -> String
  ) throws {
    guard found == expected else {
      throw Difference(description: "\(what()): the store says \(found), the model \(expected)")
    }
  }
}
