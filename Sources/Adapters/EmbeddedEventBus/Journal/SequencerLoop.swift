import ClusterModel
import DurableSQLite

/// What the thread of an ``EventSequencer`` does. Everything that it waits for blocks it.
struct SequencerLoop: Sendable {
  private let tables: LoggedTables
  private var files: JournalFiles
  /// Of the next frame.
  private var nextFrame: UInt64
  /// `nil` when a write failed: what is there has to be looked at again.
  private var index: LogIndex?
  /// The last frame in the file that is not being written: not to be written over before it is in the tables.
  private var lastOfOther: UInt64 = 0

  /// - Parameter files: all that is in them is in the tables.
  init(_ tables: LoggedTables, _ files: JournalFiles, nextFrame: UInt64, _ index: LogIndex) {
    self.tables = tables
    self.files = files
    self.nextFrame = nextFrame
    self.index = index
  }

  mutating func run(_ sequencer: EventSequencer) {
    var taken = EventSequencer.Taken()
    while let batch = sequencer.next(&taken) {
      switch batch {
      case .entries(let jobs):
        let answers = write(jobs, sequencer)
        sequencer.finished(jobs.count, bytes: jobs.reduce(0) { $0 + $1.size })
        switch answers {
        case .success(let answers):
          for (job, answer) in zip(jobs, answers) { job.finish(.success(answer)) }
        case .failure(let problem):
          for job in jobs { job.finish(.failure(problem)) }
        }
      case .transactions(let jobs):
        let problems = transact(jobs)
        sequencer.finished(jobs.count, bytes: jobs.reduce(0) { $0 + $1.size })
        for (job, problem) in zip(jobs, problems) { job.finish(problem) }
      }
    }
    // No error changes anything: what does not get into the tables now is in the journal, and gets there at the next start.
    try? tables.catchUp()
    files.close()
  }

  private mutating func write(
    _ jobs: [EventSequencer.Entry], _ sequencer: EventSequencer
  ) -> Result<[[AppendedEvent]], Problem> {
    do throws(Problem) {
      try endDoubt()
      if tables.backlog.isFull { try tables.catchUp() }
      var index = try currentIndex()
      // Held in one place only, so that changing it copies nothing; and gone when a write fails.
      self.index = nil
      var entries: [LogEntry] = []
      var answers: [[AppendedEvent]] = []
      entries.reserveCapacity(jobs.count)
      answers.reserveCapacity(jobs.count)
      for job in jobs { answers.append(decide(job.request, &index, &entries)) }
      if try keep(entries) { sequencer.countSync() }
      self.index = index
      return .success(answers)
    } catch {
      return .failure(error)
    }
  }

  /// A frame that may be on the disk although its writers were told that it is not must not be found at the
  /// next start: others get its numbers. The tables say that they have it before anything else is written.
  private mutating func endDoubt() throws(Problem) {
    guard files.isInDoubt else { return }
    let frame = nextFrame
    try tables.write { try $0.hasApplied(frame) }
    nextFrame = frame + 1
    files.endDoubt()
  }

  private func currentIndex() throws(Problem) -> LogIndex {
    if let index { return index }
    return try tables.loadIndex()
  }

  private func decide(
    _ request: EventSequencer.Request, _ index: inout LogIndex, _ entries: inout [LogEntry]
  ) -> [AppendedEvent] {
    let entry: LogEntry
    switch request {
    case .publish(let events):
      return events.map { event in
        switch index.publish(event) {
        case .repeated(let offset):
          return AppendedEvent(offset: offset, deliveries: [], isDuplicate: true)
        case .new(let numbered):
          entries.append(LogEntry(change: nil, events: [numbered]))
          return numbered.appended
        }
      }
    case .record(let change, let events):
      guard let recorded = index.record(change, publishing: events) else { return [] }
      entry = recorded
    case .append(let events):
      entry = LogEntry(change: nil, events: events.map { index.append($0) })
    }
    entries.append(entry)
    return entry.events.map(\.appended)
  }

  /// Makes entries durable, in the journal or, when it is a large one, in the tables.
  ///
  /// - Returns: whether it was the journal.
  private mutating func keep(_ entries: [LogEntry]) throws(Problem) -> Bool {
    guard let first = entries.first else { return false }
    let size = entries.reduce(0) { $0 + $1.size }
    if entries.count == 1, size > EventSequencer.largest {
      try tables.write { try $0.apply(FoldedEntries(first)) }
      return false
    }
    if files.isTurnDue {
      // Rarely waits: the tables follow all the time.
      if !tables.backlog.isDurable(through: lastOfOther) { try tables.write { _ in } }
      files.takeTurn()
      lastOfOther = nextFrame - 1
    }
    let frame = JournalFrame.encode(number: nextFrame, of: tables.log, capacity: size) { writer in
      writer.put(entries.count)
      for entry in entries { entry.put(into: &writer) }
    }
    try files.append(frame)
    tables.backlog.add(Backlog.Frame(number: nextFrame, entries: entries, bytes: size))
    nextFrame += 1
    tables.followWhenDue(isSynced: !tables.backlog.isDurable(through: lastOfOther))
    return true
  }

  private mutating func transact(_ jobs: [EventSequencer.Transaction]) -> [Problem?] {
    do throws(Problem) { try endDoubt() } catch { return jobs.map { _ in error } }
    let results = tables.transact(jobs.map(\.body))
    for case .success(let changes) in results { index?.take(changes) }
    return results.map { result in
      if case .failure(let problem) = result { problem } else { nil }
    }
  }
}
