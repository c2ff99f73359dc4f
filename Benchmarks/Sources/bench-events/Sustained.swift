import DurableSQLite
import EmbeddedEventBus
import Glibc
import Measuring

/// Many publishers for long: what is accepted until the tables have all of it, and what that takes of the
/// processor, beside what the least takes that keeps the same bytes.
struct Sustained: Encodable {
  let events: Int
  /// Events a second until the last one was accepted, and until the last one was in the tables; of each round.
  let accepted: Spread
  let kept: Spread
  /// Microseconds of processor for an event, those of whoever publishes included.
  let processor: Spread
  /// The same of ``BareKeeping``.
  let bareKept: Spread
  let bareProcessor: Spread
  let processorRatio: Spread

  static let rounds = 5

  init(in workspace: Workspace, count: Int) async throws {
    let each = max(count / Publishing.publishers / Self.rounds, 1)
    let events = each * Publishing.publishers
    let log = try EventDatabase(in: DataFolder(workspace.path + "/data"))
    let bare = try BareKeeping(in: workspace)
    var (accepted, kept, processor): ([Double], [Double], [Double]) = ([], [], [])
    var (bareKept, bareProcessor, ratios): ([Double], [Double], [Double]) = ([], [], [])
    var bareCount = 0
    for round in 0..<Self.rounds {
      var (used, start) = (Self.processorTime(), Measuring.clock())
      try await Publishing.crowd(log, from: round * events, each: each)
      let acceptedAt = Measuring.clock()
      try await log.foldIn()
      accepted.append(Double(events) * 1e9 / Double(acceptedAt - start))
      kept.append(Double(events) * 1e9 / Double(Measuring.clock() - start))
      processor.append((Self.processorTime() - used) / Double(events))
      (used, start) = (Self.processorTime(), Measuring.clock())
      try bare.keep(from: bareCount, events)
      bareCount += events
      bareKept.append(Double(events) * 1e9 / Double(Measuring.clock() - start))
      bareProcessor.append((Self.processorTime() - used) / Double(events))
      ratios.append(processor[round] / bareProcessor[round])
    }
    try await log.close()
    self.events = events * Self.rounds
    self.accepted = Spread(accepted)
    self.kept = Spread(kept)
    self.processor = Spread(processor)
    self.bareKept = Spread(bareKept)
    self.bareProcessor = Spread(bareProcessor)
    processorRatio = Spread(ratios)
  }

  /// Microseconds, of all threads of this process.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }

  var text: String {
    """
    \(Publishing.publishers) publishers, \(events) events, until the tables have all of them; the median of \
    \(Self.rounds) rounds (the least to the most). Microseconds of processor are those of all threads.

    | | accepted a second | in the tables a second | processor, an event |
    |---|---|---|---|
    | the event log | \(Spread.whole(accepted)) | \(Spread.whole(kept)) | \(processor.text) |
    | frames and rows of the same bytes, one thread | | \(Spread.whole(bareKept)) \
    | \(bareProcessor.text) |
    | the event log, to it | | | \(processorRatio.text) |

    """
  }
}
