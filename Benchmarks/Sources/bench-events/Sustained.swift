import DurableSQLite
import EmbeddedEventBus
import Glibc
import Measuring

/// Many publishers for long: what is accepted, until the tables have all of it, and what that takes of the
/// processor.
struct Sustained: Encodable {
  let events: Int
  /// Events a second until the last one was accepted, and until the last one was in the tables.
  let accepted: Double
  let kept: Double
  /// Microseconds of processor for an event, those of whoever publishes included.
  let processor: Double

  init(in workspace: Workspace, count: Int) async throws {
    let log = try EventDatabase(in: DataFolder(workspace.path + "/data"))
    let before = Self.processorTime()
    let start = Measuring.clock()
    try await Publishing.crowd(log, from: 0, each: count / Publishing.publishers)
    let acceptedAt = Measuring.clock()
    try await log.foldIn()
    let keptAt = Measuring.clock()
    let used = Self.processorTime() - before
    try await log.close()
    events = count / Publishing.publishers * Publishing.publishers
    accepted = Double(events) * 1e9 / Double(acceptedAt - start)
    kept = Double(events) * 1e9 / Double(keptAt - start)
    processor = used / Double(events)
  }

  /// Microseconds, of all threads of this process.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }

  var text: String {
    """
    \(Publishing.publishers) publishers, \(events) events: \(Int(accepted)) a second accepted, \(Int(kept)) a \
    second until the tables had all; \(processor) us of processor each.

    """
  }
}
