import ClusterModel

// What modules do inside the platform for those who wait for them.
extension Callers {
  /// How many answers wait for what was done to be durable.
  var committing: Int { offered.count }

  private static let bucket = BucketName(unchecked: "effects")

  private static func counter(_ request: RequestID) -> StateKey {
    StateKey(unchecked: "call \(request.number)")
  }

  /// What a run wants done: to be counted, under the number of its run, and of some to publish.
  func effects(of order: ActivationOrder) -> ActivationEffects {
    guard case .invocation(let request) = order.purpose else { return .none }
    var effects = ActivationEffects(writes: [
      StateWrite(bucket: Self.bucket, key: Self.counter(request), action: .merge(.add, [0x31])),
      StateWrite(
        bucket: Self.bucket, key: StateKey(unchecked: "last-call"),
        action: .set(Array("\(order.run)".utf8))),
    ])
    if request.number.isMultiple(of: 3) {
      effects.published = [
        GuestPublish(
          topic: Topic(unchecked: "results/\(request.number % 2)"),
          subject: "machine-\(request.number % 5)", data: Array("\(order.run)".utf8))
      ]
    }
    return effects
  }

  mutating func offers(_ commit: RequestID, _ answer: Answer) {
    offered[commit] = answer
    times[answer.request] = .onceAtMost
  }

  /// Something is about to be made durable, perhaps of a control plane that is gone.
  func commits(_ commit: RequestID, _ effects: CommittedEffects, _ world: World) {
    // Who offered it may be gone, and with it what is known of it.
    guard let answer = offered[commit] else { return }
    if !effects.events.isEmpty { world.coverage.count(.invocationPublishes) }
    let isSame =
      effects.writes == answer.effects.writes
      && effects.events.map(\.event.topic) == answer.effects.published.map(\.topic)
      && effects.events.map(\.event.data) == answer.effects.published.map(\.data)
    if !isSame {
      world.checker.fail(
        "what is done for invocation \(answer.request.number) is not of its run", world)
    }
  }

  /// What was done is durable: the caller hears the answer.
  mutating func isDone(_ commit: RequestID, _ world: World) {
    guard let answer = offered.removeValue(forKey: commit) else {
      world.checker.fail("something is confirmed that nobody offered", world)
      return
    }
    times[answer.request] = .once
  }

  /// Nothing of it was done: the caller hears why.
  ///
  /// - Returns: `false` when it is none of an invocation.
  mutating func isNotDone(_ commit: RequestID) -> Bool {
    guard let answer = offered.removeValue(forKey: commit) else { return false }
    times[answer.request] = .never
    return true
  }

  /// Effects that took place more or less often than the caller was told.
  func broken(_ world: World) -> [String] {
    times.keys.sorted().compactMap { request in
      let count = world.log.counters[Self.counter(request)] ?? 0
      guard times[request]?.allow(count) == false else { return nil }
      return "what invocation \(request.number) does was done \(count) times"
    }
  }
}
