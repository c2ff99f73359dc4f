import ClusterModel
import DequeModule
import GRDB
import Synchronization

/// Carries out writes in groups: while one transaction is being synced, the next gathers, so that
/// many writers share one sync. No write waits for company.
final class GroupCommitter: Sendable {
  private struct Job: Sendable {
    /// Bytes it holds while it waits.
    var cost: Int
    /// Whether it has to be on the disk when it is done.
    var isSynced = true
    /// Does the work and keeps its result.
    var run: @Sendable (Database) throws -> Void
    /// Tells the caller; `nil` when the work is durable.
    var finish: @Sendable (Problem?) -> Void
  }

  private struct State: ~Copyable {
    var jobs: Deque<Job> = []
    /// Jobs that wait or run, and their bytes.
    var unfinished = 0
    var bytes = 0
    var isRunning = false
    var isClosed = false
    var commits = 0
    var isSynced = true
  }

  /// What a job made, on its way from the writer's queue to whoever waits for it.
  private final class Outcome<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
  }

  /// Writes that may wait or run. Beyond it callers hear "slow down".
  private static let queueLength = 65_536
  /// Bytes that may wait: 16 of the largest events. One write is taken however large it is.
  private static let queueBytes = 256 << 20
  /// Writes in one transaction: what is gathered during one sync, and not so much that the first of
  /// them waits long for the last.
  private static let groupSize = 512
  /// Bytes in one transaction, for the same reason.
  private static let groupBytes = 16 << 20

  private let pool: DatabasePool
  private let file: String
  private let state = Mutex(State())

  init(pool: DatabasePool, file: String) {
    self.pool = pool
    self.file = file
  }

  var commits: Int { state.withLock { $0.commits } }
  /// Writes that wait or run.
  var unfinished: Int { state.withLock { $0.unfinished } }

  func write<Value: Sendable>(
    cost: Int, isSynced: Bool = true, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      let outcome = Outcome<Value>()
      submit(
        Job(
          cost: cost,
          isSynced: isSynced,
          run: { database in
            let value = try body(database)
            outcome.value.withLock { $0 = value }
          },
          finish: { problem in
            if let problem {
              continuation.resume(returning: .failure(problem))
            } else if let value = outcome.value.withLock({ $0 }) {
              continuation.resume(returning: .success(value))
            } else {
              preconditionFailure("a write that was committed has a result")
            }
          }))
    }
    return try result.get()
  }

  func submit(
    isSynced: Bool, _ body: @escaping @Sendable (Database) throws -> Void,
    finish: @escaping @Sendable (Problem?) -> Void
  ) {
    submit(Job(cost: 0, isSynced: isSynced, run: body, finish: finish))
  }

  /// Takes no more writes; what waits is carried out.
  func refuseFurther() { state.withLock { $0.isClosed = true } }

  private func submit(_ job: Job) {
    let refusal: Problem? = state.withLock { state in
      guard !state.isClosed else { return StorageProblem.closed(file) }
      guard state.unfinished < Self.queueLength,
        state.bytes == 0 || state.bytes + job.cost <= Self.queueBytes
      else { return StorageProblem.busy() }
      state.jobs.append(job)
      state.unfinished += 1
      state.bytes += job.cost
      guard !state.isRunning else { return nil }
      state.isRunning = true
      // Within the lock, so that a close that follows comes after it in the writer's queue.
      pool.asyncWriteWithoutTransaction { database in self.drain(database) }
      return nil
    }
    if let refusal { job.finish(refusal) }
  }

  private func drain(_ database: Database) {
    while let group = nextGroup() {
      let problems = commit(group, database)
      let bytes = group.reduce(0) { $0 + $1.cost }
      state.withLock { state in
        state.unfinished -= group.count
        state.bytes -= bytes
      }
      for (job, problem) in zip(group, problems) { job.finish(problem) }
    }
  }

  private func nextGroup() -> [Job]? {
    state.withLock { state in
      var group: [Job] = []
      var bytes = 0
      while let job = state.jobs.first, group.count < Self.groupSize,
        group.isEmpty || bytes + job.cost <= Self.groupBytes
      {
        bytes += job.cost
        group.append(state.jobs.removeFirst())
      }
      guard !group.isEmpty else {
        state.isRunning = false
        return nil
      }
      return group
    }
  }

  /// The problem of each job; `nil` when its work is durable.
  private func commit(_ group: [Job], _ database: Database) -> [Problem?] {
    var problems = [Problem?](repeating: nil, count: group.count)
    do {
      try sync(group.contains(where: \.isSynced), database)
      try database.beginTransaction(.immediate)
      if group.count == 1 {
        // Its failure undoes the transaction: there is nothing else in it.
        try group[0].run(database)
      } else {
        for (index, job) in group.enumerated() {
          problems[index] = try attempt(job, database)
        }
      }
      try database.commit()
      state.withLock { $0.commits += 1 }
      return problems
    } catch {
      let problem = StorageProblem.from(error, file: file)
      if database.isInsideTransaction {
        // Nothing of it is on the disk, and nobody was told that it is: an error here adds nothing.
        try? database.rollback()
      }
      return problems.map { $0 ?? problem }
    }
  }

  /// Whether the commits that follow are synced. They are in the beginning.
  private func sync(_ isSynced: Bool, _ database: Database) throws {
    let isOther = state.withLock { $0.isSynced != isSynced }
    guard isOther else { return }
    try database.execute(sql: "PRAGMA synchronous = \(isSynced ? "FULL" : "NORMAL")")
    state.withLock { $0.isSynced = isSynced }
  }

  /// Runs one job; its own failure undoes it alone, and is returned. Throws when the whole
  /// transaction is lost: SQLite gives one up by itself when the disk is full or fails.
  private func attempt(_ job: Job, _ database: Database) throws -> Problem? {
    try database.cachedStatement(sql: "SAVEPOINT job").execute()
    do {
      try job.run(database)
    } catch {
      guard database.isInsideTransaction else { throw error }
      try database.cachedStatement(sql: "ROLLBACK TO job").execute()
      try database.cachedStatement(sql: "RELEASE job").execute()
      return StorageProblem.from(error, file: file)
    }
    try database.cachedStatement(sql: "RELEASE job").execute()
    return nil
  }
}
