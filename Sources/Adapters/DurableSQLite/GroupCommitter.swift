import ClusterModel
import DequeModule
import GRDB
import Synchronization

/// Carries out writes in groups: while one transaction is being synced, the next gathers, so that
/// many writers share one sync. No write waits for company.
final class GroupCommitter: Sendable {
  private struct Job {
    /// Does the work and keeps its result.
    var run: (Database) throws -> Void
    /// Tells the caller; `nil` when the work is durable.
    var finish: (Problem?) -> Void
  }

  private struct State: ~Copyable {
    var jobs: Deque<Job> = []
    var isRunning = false
    var commits = 0
  }

  /// Writes that may wait. Beyond it callers hear "slow down".
  private static let queueLength = 65_536
  /// Writes in one transaction: what is gathered during one sync, and not so much that the first of
  /// them waits long for the last.
  private static let groupSize = 512

  private let pool: DatabasePool
  private let file: String
  private let state = Mutex(State())

  init(pool: DatabasePool, file: String) {
    self.pool = pool
    self.file = file
  }

  var commits: Int { state.withLock { $0.commits } }

  func write<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      let box = Mutex<Value?>(nil)
      let shared = ResultBox(box)
      submit(
        Job(
          run: { database in
            let value = try body(database)
            shared.value.withLock { $0 = value }
          },
          finish: { problem in
            if let problem {
              continuation.resume(returning: .failure(problem))
            } else if let value = shared.value.withLock({ $0 }) {
              continuation.resume(returning: .success(value))
            } else {
              preconditionFailure("a write that was committed has a result")
            }
          }))
    }
    return try result.get()
  }

  private final class ResultBox<Value: Sendable>: Sendable {
    let value: Mutex<Value?>
    init(_ value: consuming sending Mutex<Value?>) { self.value = value }
  }

  private func submit(_ job: sending Job) {
    enum Answer { case full, start, wait }
    let carried = SendableJob(job: job)
    let answer: Answer = state.withLock { state in
      guard state.jobs.count < Self.queueLength else { return .full }
      state.jobs.append(carried.job)
      guard !state.isRunning else { return .wait }
      state.isRunning = true
      return .start
    }
    switch answer {
    case .wait: break
    case .full:
      carried.job.finish(
        Problem(
          .overloaded, code: "store_busy", "too many changes wait for the disk",
          next: "Try again in a moment."))
    case .start:
      pool.asyncWriteWithoutTransaction { database in self.drain(database) }
    }
  }

  /// A job on its way into the queue.
  ///
  /// `@unchecked Sendable`: its closures capture only sendable values (see ``write``), and it is run
  /// and finished once, on the writer's queue.
  private struct SendableJob: @unchecked Sendable { let job: Job }

  private func drain(_ database: Database) {
    while true {
      let group: [Job] = state.withLock { state in
        let count = min(state.jobs.count, Self.groupSize)
        let group = Array(state.jobs.prefix(count))
        state.jobs.removeFirst(count)
        if group.isEmpty { state.isRunning = false }
        return group
      }
      guard !group.isEmpty else { return }
      commit(group, database)
    }
  }

  private func commit(_ group: [Job], _ database: Database) {
    var problems = [Problem?](repeating: nil, count: group.count)
    do {
      try database.beginTransaction(.immediate)
      for (index, job) in group.enumerated() {
        problems[index] = try attempt(job, database)
      }
      try database.commit()
      state.withLock { $0.commits += 1 }
    } catch {
      let problem = StorageProblem.from(error, file: file)
      if database.isInsideTransaction {
        // Nothing of it is on the disk, and nobody was told that it is: an error here adds nothing.
        try? database.rollback()
      }
      problems = problems.map { $0 ?? problem }
    }
    for (job, problem) in zip(group, problems) { job.finish(problem) }
  }

  /// Runs one job; its own failure undoes it alone. Throws when the whole transaction is lost.
  private func attempt(_ job: Job, _ database: Database) throws -> Problem? {
    var failure: (any Error)?
    do {
      try database.inSavepoint {
        do {
          try job.run(database)
          return .commit
        } catch {
          failure = error
          return .rollback
        }
      }
    } catch {
      failure = failure ?? error
    }
    guard let failure else { return nil }
    guard database.isInsideTransaction else { throw failure }
    return StorageProblem.from(failure, file: file)
  }
}
