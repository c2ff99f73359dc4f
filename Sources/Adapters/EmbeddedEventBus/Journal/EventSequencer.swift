import ClusterModel
import DequeModule
import Dispatch
import DurableSQLite
import Foundation
import Synchronization

/// Takes in what changes the event log, one after the other, on a thread of its own. What is small is decided
/// in memory and durable as soon as the journal is, with all that came meanwhile; what needs the tables waits
/// until they have all of that, and is a transaction there. See decision 29.
final class EventSequencer: Sendable {
  /// What somebody wants to be written, to be decided when it is its turn.
  enum Request: Sendable {
    case publish([StoredEvent])
    case record(StoredChange, [StoredEvent])
    case append([StoredEvent])

    /// About how many bytes it holds.
    var size: Int {
      switch self {
      case .publish(let events): events.reduce(0) { $0 + $1.size }
      case .record(let change, let events): change.size + events.reduce(0) { $0 + $1.size }
      case .append(let events): events.reduce(0) { $0 + $1.size }
      }
    }
  }

  /// A request and who hears what came of it.
  struct Entry: Sendable {
    let request: Request
    let size: Int
    /// Nothing looks after it that it is resumed once, which costs something for each event: an entry is finished by
    /// the loop or refused, and gone then.
    fileprivate let continuation: UnsafeContinuation<Result<[AppendedEvent], Problem>, Never>

    func finish(_ result: Result<[AppendedEvent], Problem>) {
      continuation.resume(returning: result)
    }
  }

  /// What needs the tables, and who hears of its end.
  struct Transaction: Sendable {
    let size: Int
    let body: LoggedTables.Body
    let finish: @Sendable (Problem?) -> Void
  }

  fileprivate enum Job: Sendable {
    case entry(Entry)
    case transaction(Transaction)

    var size: Int {
      switch self {
      case .entry(let entry): entry.size
      case .transaction(let transaction): transaction.size
      }
    }

    func refuse(_ problem: Problem) {
      switch self {
      case .entry(let entry): entry.finish(.failure(problem))
      case .transaction(let transaction): transaction.finish(problem)
      }
    }
  }

  /// What was taken off the queue and is not begun yet.
  struct Taken {
    fileprivate var jobs: Deque<Job> = []
  }

  /// What is done together.
  enum Batch {
    case entries([Entry])
    case transactions([Transaction])
  }

  private struct State {
    var jobs: Deque<Job> = []
    /// Jobs that wait or are at work, and their bytes.
    var unfinished = 0
    var bytes = 0
    var isWaiting = false
    var isClosed = false
    var hasEnded = false
    var whenEnded: [CheckedContinuation<Void, Never>] = []
  }

  /// Beyond these, callers hear "slow down"; as the writers of the tables do.
  private static let queueLength = 65_536
  private static let queueBytes = 256 << 20
  /// What is written at once: what gathers during a sync, and not so much that its first waits for long.
  private static let groupSize = 1024
  private static let groupBytes = 1 << 20
  /// What is longer is written once, into the tables, and not into the journal as well.
  static let largest = 256 << 10

  /// How many of these are published together: as many as a write takes well, and one at least.
  static func together(_ events: ArraySlice<StoredEvent>) -> Int {
    var size = 0
    let more = events.prefix(groupSize).prefix { event in
      size += event.size
      return size <= largest
    }
    return max(more.count, min(events.count, 1))
  }

  private let file: String
  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)
  private let syncs = Atomic<Int>(0)

  /// - Parameter file: for messages.
  init(file: String) { self.file = file }

  /// Begins to work. Called once.
  func start(_ loop: SequencerLoop) {
    let thread = Thread {
      var loop = loop
      loop.run(self)
      let waiting = self.state.withLock { state in
        state.hasEnded = true
        return state.whenEnded
      }
      for continuation in waiting { continuation.resume() }
    }
    thread.name = "event log"
    thread.start()
  }

  /// How often the journal was synced.
  var commits: Int { syncs.load(ordering: .relaxed) }

  func countSync() { syncs.add(1, ordering: .relaxed) }

  /// Returns when it is durable.
  func write(_ request: Request) async throws(Problem) -> [AppendedEvent] {
    let size = request.size
    let result: Result<[AppendedEvent], Problem> = await withUnsafeContinuation {
      submit(.entry(Entry(request: request, size: size, continuation: $0)))
    }
    return try result.get()
  }

  /// Runs `body` in a transaction in which all that came before is in the tables, and returns when that is
  /// durable.
  func transact<Value: Sendable>(
    size: Int, _ body: @escaping @Sendable (inout EventWriter) throws -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      let outcome = Outcome<Value>()
      submit(
        .transaction(
          Transaction(
            size: size,
            body: { writer in
              let value = try body(&writer)
              outcome.value.withLock { $0 = value }
            },
            finish: { problem in
              if let problem {
                continuation.resume(returning: .failure(problem))
              } else if let value = outcome.value.withLock({ $0 }) {
                continuation.resume(returning: .success(value))
              } else {
                preconditionFailure("a transaction that was committed has a result")
              }
            })))
    }
    return try result.get()
  }

  /// What a transaction made, on its way to whoever waits for it.
  private final class Outcome<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
  }

  /// Takes nothing more; what waits is carried out, then the thread ends.
  func refuseFurther() {
    let isWaiting = state.withLock { state in
      state.isClosed = true
      defer { state.isWaiting = false }
      return state.isWaiting
    }
    if isWaiting { wake.signal() }
  }

  /// The same, and returns when the thread has ended.
  func close() async {
    refuseFurther()
    await withCheckedContinuation { continuation in
      let hasEnded = state.withLock { state in
        if !state.hasEnded { state.whenEnded.append(continuation) }
        return state.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  private func submit(_ job: Job) {
    let (refusal, isWaiting): (Problem?, Bool) = state.withLock { state in
      guard !state.isClosed else { return (StorageProblem.closed(file), false) }
      guard state.unfinished < Self.queueLength,
        state.bytes == 0 || state.bytes + job.size <= Self.queueBytes
      else { return (StorageProblem.busy(), false) }
      state.jobs.append(job)
      state.unfinished += 1
      state.bytes += job.size
      defer { state.isWaiting = false }
      return (nil, state.isWaiting)
    }
    if let refusal { return job.refuse(refusal) }
    if isWaiting { wake.signal() }
  }

  /// What is to be done next; waits for it. `nil` when it is closed and all is done.
  func next(_ taken: inout Taken) -> Batch? {
    while true {
      // All at once: whoever submits waits for this lock.
      let isClosed = state.withLock { state in
        if taken.jobs.isEmpty {
          swap(&state.jobs, &taken.jobs)
        } else {
          taken.jobs.append(contentsOf: state.jobs)
          state.jobs.removeAll(keepingCapacity: true)
        }
        state.isWaiting = taken.jobs.isEmpty
        return state.isClosed
      }
      if let batch = Self.take(&taken.jobs) { return batch }
      if isClosed { return nil }
      wake.wait()
    }
  }

  private static func take(_ jobs: inout Deque<Job>) -> Batch? {
    var entries: [Entry] = []
    var transactions: [Transaction] = []
    var bytes = 0
    gathering: while let job = jobs.first, entries.count + transactions.count < groupSize,
      bytes == 0 || bytes + job.size <= groupBytes
    {
      switch job {
      case .entry(let entry):
        guard transactions.isEmpty else { break gathering }
        entries.append(entry)
      case .transaction(let transaction):
        guard entries.isEmpty else { break gathering }
        transactions.append(transaction)
      }
      bytes += job.size
      jobs.removeFirst()
    }
    if !entries.isEmpty { return .entries(entries) }
    return transactions.isEmpty ? nil : .transactions(transactions)
  }

  /// So many jobs are done.
  func finished(_ count: Int, bytes: Int) {
    state.withLock { state in
      state.unfinished -= count
      state.bytes -= bytes
    }
  }
}
