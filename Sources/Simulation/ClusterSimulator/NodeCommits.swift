import ClusterModel

/// What modules did on nodes that no activation of the control plane stands for: for whoever is at the entrance of a
/// node, and as services that hands have started. The node has it made durable, by a right, before anybody hears that
/// it is done.
///
/// It took place once when it was said so, once at most when nobody heard, and never otherwise.
struct NodeCommits {
  struct Commit {
    let number: Int
    /// Of the agent that ran it, and of its process.
    let index: Int
    let process: Int
    let module: QualifiedName
    let claim: EffectClaim
    /// When the node gives up asking again.
    let deadline: Int64

    /// To be counted, under the number of its run; and of some to publish.
    var effects: ActivationEffects {
      var effects = ActivationEffects(writes: [
        StateWrite(
          bucket: BucketName(unchecked: "effects"), key: NodeCommits.counter(number),
          action: .merge(.add, [0x31]))
      ])
      if number.isMultiple(of: 3) {
        effects.published = [
          GuestPublish(
            topic: Topic(unchecked: "results/\(number % 2)"), subject: "machine-\(number % 5)",
            data: Array("\(number)".utf8))
        ]
      }
      return effects
    }

    var event: Event {
      Event(
        id: "node-\(number)", source: "/entrance", type: "call", topic: Topic(unchecked: "calls"))
    }
  }

  /// What is being made durable, by the number under which it is.
  private var offered: [RequestID: Commit] = [:]
  private var times: [Int: Callers.Times] = [:]
  private var lastNumber = 0

  /// What ever began to run.
  var started: Int { lastNumber }
  var offeredCount: Int { offered.count }

  private static func counter(_ number: Int) -> StateKey {
    StateKey(unchecked: "node \(number)")
  }

  /// Something begins to run, of which nothing has taken place yet.
  mutating func begins() -> Int {
    lastNumber += 1
    times[lastNumber] = .never
    return lastNumber
  }

  mutating func offers(_ request: RequestID, _ commit: Commit) {
    offered[request] = commit
    times[commit.number] = .onceAtMost
  }

  /// Something is about to be made durable, perhaps of a control plane that is gone.
  ///
  /// - Returns: what is not so; nothing when all is well, or when it is none of a node.
  func commits(_ request: RequestID, _ effects: CommittedEffects) -> [String] {
    guard let commit = offered[request] else { return [] }
    let wanted = commit.effects
    let isSame =
      effects.writes == wanted.writes
      && effects.events.map(\.event.topic) == wanted.published.map(\.topic)
      && effects.events.map(\.event.data) == wanted.published.map(\.data)
    return isSame ? [] : ["what is done for run \(commit.number) of a node is not of it"]
  }

  /// - Returns: `false` when it is none of a node.
  mutating func isDone(_ request: RequestID) -> Bool {
    guard let commit = offered.removeValue(forKey: request) else { return false }
    times[commit.number] = .once
    return true
  }

  /// - Returns: `false` when it is none of a node.
  mutating func isNotDone(_ request: RequestID) -> Bool {
    guard let commit = offered.removeValue(forKey: request) else { return false }
    times[commit.number] = .never
    return true
  }

  /// Nobody hears what becomes of it.
  mutating func logicEnded() { offered = [:] }

  /// Effects that took place more or less often than was said.
  ///
  /// - Parameter counters: what the log has added up.
  func broken(_ counters: [StateKey: Int]) -> [String] {
    times.keys.sorted().compactMap { number in
      let count = counters[Self.counter(number)] ?? 0
      guard times[number]?.allow(count) == false else { return nil }
      return "what run \(number) of a node does was done \(count) times"
    }
  }
}
