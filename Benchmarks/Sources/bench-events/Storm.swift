import ClusterModel
import Foundation
import HostPorts
import Measuring
import Synchronization

/// Ten times as many events as a module can handle, for a minute, beside a module that gets one now and
/// then: what the program holds, what becomes of what it accepted, and how long the quiet one waits.
struct Storm: Encodable {
  let seconds: Int
  /// Events a second that the noisy module can handle.
  let capacity: Int
  let offered: Int
  let accepted: Int
  let refused: Int
  /// Of what was accepted, what was not handled in the end.
  let lost: Int
  /// Resident memory in MiB, once a second.
  let memory: [Int]
  /// From publishing to acknowledged, without the storm and in it, nanoseconds.
  let quietBefore: Times
  let quietDuring: Times
  /// Of the quiet module's publishers, how often one was told to slow down.
  let quietRefused: Int

  private static let concurrency = 8
  private static let sleep = 20
  private static let publishers = 8
  /// Deliveries that may wait: the storm fills this after some seconds.
  private static let maximumPending = 10_000
  private static let quietInterval = Duration.milliseconds(50)

  private struct Count {
    var offered = 0
    var refused = 0
    var accepted: [EventOffset] = []
  }

  init(in workspace: Workspace, guests: String, seconds: Int) async throws {
    let cluster = try await Cluster(in: workspace, maximumPending: Self.maximumPending)
    try await cluster.deploy(
      "noisy", guests + "/sleep.wasm",
      DeploymentConfiguration(
        triggers: [Trigger(topic: TopicFilter(unchecked: "noise/#"))],
        concurrency: Self.concurrency))
    try await cluster.deploy(
      "quiet", guests + "/upper.wasm",
      DeploymentConfiguration(triggers: [Trigger(topic: TopicFilter(unchecked: "calm/#"))]))
    let capacity = Self.concurrency * 1000 / Self.sleep
    let (before, _) = try await Self.quiet(cluster, seconds: max(seconds / 4, 3), from: 0)
    let count = Mutex(Count())
    let sampler = Task {
      var samples: [Int] = []
      while !Task.isCancelled {
        samples.append(try Self.residentMebibytes())
        // Cancelled when the storm is over.
        try? await Task.sleep(for: .seconds(1))
      }
      return samples
    }
    async let blown: Void = Self.blow(cluster, count, perSecond: capacity * 10, seconds: seconds)
    let (during, refused) = try await Self.quiet(cluster, seconds: seconds, from: 1_000_000)
    try await blown
    sampler.cancel()
    memory = try await sampler.value
    let total = count.withLock { $0 }
    lost = try await Self.settle(cluster, total.accepted)
    await cluster.stop()
    self.seconds = seconds
    self.capacity = capacity
    offered = total.offered
    accepted = total.accepted.count
    self.refused = total.refused
    quietBefore = Times(before)
    quietDuring = Times(during)
    quietRefused = refused
  }

  /// One event each 50 ms, each waited for.
  private static func quiet(
    _ cluster: Cluster, seconds: Int, from first: Int
  ) async throws -> (times: [Int64], refused: Int) {
    var times: [Int64] = []
    var refused = 0
    let end = ContinuousClock.now + .seconds(seconds)
    var number = first
    while ContinuousClock.now < end {
      number += 1
      let event = Sample.event(number, topic: Topic(unchecked: "calm/one"))
      let start = Measuring.clock()
      if let offset = try await publish(event, to: cluster) {
        let status = try await cluster.plane.eventStatus(
          offset, patience: .seconds(60), for: cluster.caller)
        guard status.deliveries.map(\.state) == [.succeeded] else {
          throw MeasuringFailed("the quiet module lost an event")
        }
        times.append(Measuring.clock() - start)
      } else {
        refused += 1
      }
      try await Task.sleep(for: quietInterval)
    }
    return (times, refused)
  }

  /// - Returns: `nil` when it was told to slow down.
  private static func publish(_ event: Event, to cluster: Cluster) async throws -> EventOffset? {
    do throws(Problem) {
      return try await cluster.plane.publish(event, by: cluster.caller).offset
    } catch {
      guard error.category == .overloaded else { throw error }
      return nil
    }
  }

  private static func blow(
    _ cluster: Cluster, _ count: borrowing Mutex<Count>, perSecond: Int, seconds: Int
  ) async throws {
    let start = ContinuousClock.now
    let each = perSecond / publishers
    try await withThrowingTaskGroup(of: Count.self) { group in
      for publisher in 0..<publishers {
        group.addTask {
          var own = Count()
          for index in 0..<(each * seconds) {
            let due = start + .microseconds(index * 1_000_000 / each)
            if due > .now { try await Task.sleep(until: due) }
            own.offered += 1
            let event = Sample.event(
              publisher * 10_000_000 + index, topic: Topic(unchecked: "noise/\(publisher)"),
              data: Array("\(sleep)".utf8))
            if let offset = try await publish(event, to: cluster) {
              own.accepted.append(offset)
            } else {
              own.refused += 1
            }
          }
          return own
        }
      }
      for try await own in group {
        count.withLock { count in
          count.offered += own.offered
          count.refused += own.refused
          count.accepted += own.accepted
        }
      }
    }
  }

  /// - Returns: how many of them were not handled.
  private static func settle(_ cluster: Cluster, _ accepted: [EventOffset]) async throws -> Int {
    var lost = 0
    for offset in accepted {
      let status = try await cluster.plane.eventStatus(
        offset, patience: .seconds(120), for: cluster.caller)
      if status.deliveries.map(\.state) != [.succeeded] { lost += 1 }
    }
    return lost
  }

  private static func residentMebibytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return (pages * 4096) >> 20
  }

  var text: String {
    let quarters = stride(from: 0, to: memory.count, by: max(memory.count / 4, 1)).map {
      memory[$0]
    }
    return """
      A storm of ten times what a module can handle (\(capacity) events/s), \(seconds) s.

      | offered | accepted | told to slow down | accepted and not handled |
      |---|---|---|---|
      | \(offered) | \(accepted) | \(refused) | \(lost) |

      Resident memory, MiB, at the beginning, after each quarter, at the end: \
      \(quarters.map(String.init).joined(separator: ", ")), \(memory.last ?? 0).

      | a quiet module, published to acknowledged, microseconds | n | p50 | p99 | told to slow down |
      |---|---|---|---|---|
      | without the storm | \(quietBefore.count) | \(Times.text(quietBefore.p50)) \
      | \(Times.text(quietBefore.p99)) | 0 |
      | in the storm | \(quietDuring.count) | \(Times.text(quietDuring.p50)) \
      | \(Times.text(quietDuring.p99)) | \(quietRefused) |

      """
  }
}
