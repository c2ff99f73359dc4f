import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import Measuring

/// An event published, handled and acknowledged, each step durable, one event at a time: at the port of the
/// bus, through the control plane and a real guest, and with JetStream.
struct Handling: Encodable {
  struct Row: Encodable {
    let name: String
    let times: Times
    /// To the bus, of each round.
    let ratio: Spread
  }

  let rows: [Row]

  static let rounds = 5
  /// At once before anything is counted.
  private static let warmUp = 100

  init(in workspace: Workspace, nats: String?, guests: String, count: Int) async throws {
    let log = try EventDatabase(in: DataFolder(workspace.path + "/bus"))
    let cluster = try await Cluster(in: workspace)
    try await cluster.deploy(
      "upper", guests + "/upper.wasm",
      DeploymentConfiguration(triggers: [Trigger(topic: TopicFilter(unchecked: "plant/#"))]))
    var ways: [(name: String, body: (Int) async throws -> Void)] = [
      ("at the port of the bus", { number in try await Self.handle(number, in: log) }),
      (
        "control plane, node, a fresh guest",
        { number in try await Self.handle(number, through: cluster) }
      ),
    ]
    if let nats {
      for always in [true, false] {
        let queue = try JetStreamQueue(
          on: NATSConnection(to: NATSServer(nats, in: workspace, syncsAlways: always)))
        let name = always ? "JetStream, sync_interval: always" : "JetStream, by default (no sync)"
        ways.append(
          (
            name,
            { _ in
              try queue.publish(Sample.data)
              try queue.handle { handled in precondition(handled == Sample.data) }
            }
          ))
      }
    }
    rows = try await Self.measure(ways, count)
    await cluster.stop()
    try await log.close()
  }

  private static func measure(
    _ ways: [(name: String, body: (Int) async throws -> Void)], _ count: Int
  ) async throws -> [Row] {
    var times = [[Int64]](repeating: [], count: ways.count)
    var medians = [[Double]](repeating: [], count: ways.count)
    var number = 0
    for round in 0...rounds {
      for (index, way) in ways.enumerated() {
        var taken: [Int64] = []
        for _ in 0..<(round == 0 ? warmUp : count / rounds) {
          number += 1
          let start = Measuring.clock()
          try await way.body(number)
          taken.append(Measuring.clock() - start)
        }
        guard round > 0 else { continue }
        times[index] += taken
        medians[index].append(Times(taken).p50)
      }
    }
    return ways.indices.map { index in
      Row(
        name: ways[index].name, times: Times(times[index]),
        ratio: Spread(zip(medians[index], medians[0]).map { $0 / $1 }))
    }
  }

  /// Accepted, handled by a closure, acknowledged with what came of it.
  private static func handle(_ number: Int, in log: EventDatabase) async throws {
    let accepted = try await log.append(Sample.accepted(number, targets: [Sample.module]))
    guard let delivery = accepted.deliveries.first,
      let event = try await log.event(at: accepted.offset)
    else { throw MeasuringFailed("the event is not delivered") }
    let now = Sample.clock.now().wall
    _ = try await log.record(
      DeliveryChange(
        delivery: delivery, attempt: 1, at: now,
        outcome: .succeeded(output: event.data, CommittedEffects(at: now))))
  }

  private static func handle(_ number: Int, through cluster: Cluster) async throws {
    let offset = try await cluster.plane.publish(Sample.event(number), by: cluster.caller).offset
    let status = try await cluster.plane.eventStatus(
      offset, patience: .seconds(10), for: cluster.caller)
    guard status.deliveries.map(\.state) == [.succeeded] else {
      throw MeasuringFailed("event \(number) was not handled: \(status.deliveries)")
    }
  }

  var text: String {
    var text = """
      An event published, handled and acknowledged, microseconds, one at a time. Ratios to the first row: \
      the median of \(Self.rounds) rounds (the least to the most).

      | | n | p50 | p99 | p50 / at the port |
      |---|---|---|---|---|

      """
    for row in rows {
      text += "| \(row.name) | \(row.times.count) | \(Times.text(row.times.p50)) "
      text += "| \(Times.text(row.times.p99)) | \(row.ratio.text) |\n"
    }
    return text
  }
}
