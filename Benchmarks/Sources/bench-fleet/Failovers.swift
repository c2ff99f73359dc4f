import Foundation
import Glibc
import Measuring
import Synchronization

/// Hears from the control plane when all that a lost node served is served again.
final class Failovers: Sendable {
  private struct Heard {
    /// Why it hears nothing any more; `nil` while it listens.
    var end: Failure?
    /// When everything was served again, by node, in nanoseconds of the clock that does not go back: the newest.
    var times: [String: Int64] = [:]
  }

  private let heard = Mutex(Heard())

  /// Returns when it listens.
  init(port: UInt16) {
    let connection = Connection(port: port)
    let begun = DispatchSemaphore(value: 0)
    Thread.detachNewThread { [self] in
      do {
        try connection.follow(
          "/v1/events/tail?topic=$wasmatrix/lifecycle/node_failover", begun: { begun.signal() },
          each: hear)
        heard.withLock { $0.end = Failure("the lifecycle is not told any more") }
      } catch {
        heard.withLock { $0.end = Failure("the lifecycle is not told: \(error)") }
      }
      begun.signal()
    }
    begun.wait()
  }

  private func hear(_ line: String) {
    guard let tail = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
      let event = tail["event"] as? [String: Any],
      let subject = event["subject"] as? String, subject.hasPrefix("node/"),
      let time = (event["time"] as? String).flatMap(Self.nanoseconds)
    else { return }
    // What the wall clock shows now is of the same moment as what the other does.
    var wall = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    let since = Int64(wall.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec) - time
    let at = Measuring.clock() - since
    heard.withLock { $0.times[String(subject.dropFirst(5))] = at }
  }

  /// Of a time like `2026-01-02T03:04:05.678901Z`, since 1970; to the microsecond, where the formatters of Foundation
  /// keep milliseconds.
  private static func nanoseconds(_ text: String) -> Int64? {
    let parts = text.dropLast().split(separator: ".")
    guard let whole = parts.first,
      let seconds = ISO8601DateFormatter().date(from: whole + "Z")?.timeIntervalSince1970
    else { return nil }
    let fraction = parts.count > 1 ? Double("0.\(parts[1])") ?? 0 : 0
    return Int64(seconds) * 1_000_000_000 + Int64((fraction * 1e9).rounded())
  }

  /// - Returns: when all that a node served, which was lost then, was served again; `nil` when nothing is told of it: it
  ///   served nothing.
  func ended(_ node: String, since lost: Int64) throws -> Int64? {
    let end = Measuring.clock() + 10_000_000_000
    while Measuring.clock() < end {
      let heard = heard.withLock { (end: $0.end, at: $0.times[node]) }
      // What is told is rounded to microseconds.
      if let at = heard.at, at >= lost - 1000 { return at }
      if let failure = heard.end { throw failure }
      usleep(2000)
    }
    return nil
  }
}
