import ClusterModel
import ControlPlaneLogic
import DequeModule
import EventRouting
import Foundation
import HostPorts
import Logging
import Metrics

// What happens in the cluster, as events.
extension ControlPlane {
  /// What is to be told.
  enum Notice {
    case message(EventMessage)
    case change(PlacementChange)

    var messages: [EventMessage] {
      switch self {
      case .message(let message): [message]
      case .change(let change): change.messages
      }
    }
  }

  /// Of a node with a thousand placements thousands are told when it is lost: those who ask for what now serves
  /// elsewhere do not wait for all of them. A thousand are told in a quarter of a second, then.
  private static let noticesAtOnce = 16
  private static let pause = Duration.milliseconds(4)

  /// Tells what is to be told, beside everything else, one after the other.
  func announceNotices() {
    guard !isAnnouncing, !notices.isEmpty else { return }
    isAnnouncing = true
    begin { await $0.announceAll() }
  }

  /// How long it took is known here alone: the logic has no clock.
  func tell(_ failover: Failover, _ id: String) {
    let now = clock.now()
    let took = now.monotonic - failover.began
    fleet.failedOver(in: took)
    notices.append(.message(failover.message(id, took: took, at: now.wall)))
  }

  private func announceAll() async {
    while !notices.isEmpty {
      for _ in 0..<Self.noticesAtOnce {
        guard let notice = notices.popFirst() else { break }
        for event in notice.messages {
          log(event)
          announce(LifecycleNotice(event))
        }
      }
      // Cancelled when the control plane ends, which tells what is left without a pause.
      if !notices.isEmpty { try? await Task.sleep(for: Self.pause) }
    }
    isAnnouncing = false
  }

  private func log(_ event: EventMessage) {
    let level: Logger.Level =
      switch event.type {
      case .nodeFailure where event.payload["reason"] == .string("leftOrderly"): .info
      case .nodeFailover: .info
      case .nodeFailure, .moduleFailure, .alarm: .warning
      case .moduleStart, .moduleStop, .scaleEvent, .nodeState, .deploymentChange: .debug
      }
    guard logger.logLevel <= level else { return }
    let payload = event.payload.sorted { $0.key < $1.key }.map {
      "\($0.key)=\(Self.text($0.value))"
    }
    logger.log(
      level: level, "\(event.type.rawValue)",
      metadata: ["target": "\(event.target)", "payload": "\(payload.joined(separator: " "))"])
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .bool(let bool): "\(bool)"
    case .null, .array, .object: "\(value)"
    }
  }

  /// Makes an event of a notice, when somebody follows it.
  func announce(_ notice: LifecycleNotice) {
    let isWatched = tails.want(notice.topic, in: notice.namespace)
    guard phase == .running,
      isWatched || logic.router.hasSubscribers(to: notice.topic, in: notice.namespace)
    else { return }
    let payload = JSONValue.object(notice.payload)
    let event = notice.event(data: Self.json(payload))
    let before = logic.router.lifecycleDropped
    feed(
      .events(
        .lifecycleOccurred(requestIDs.next(), event, data: payload, isWatched: isWatched)))
    let dropped = logic.router.lifecycleDropped - before
    if dropped > 0 { lifecycleDropped.increment(by: Int64(dropped)) }
  }

  /// A delivery was put aside, which is durable.
  func announce(_ id: DeliveryID, _ offset: EventOffset, _ death: DeliveryDeath) {
    let topic = LifecycleNotice(id, offset, death, of: nil)?.topic
    guard let topic,
      tails.want(topic, in: death.module.namespace)
        || logic.router.hasSubscribers(to: topic, in: death.module.namespace)
    else { return }
    begin { plane in
      // When it cannot be read it is damaged, which the notice then says by leaving it out.
      let event = try? await plane.event(at: offset)
      guard let notice = LifecycleNotice(id, offset, death, of: event) else { return }
      plane.announce(notice)
    }
  }

  private static func json(_ value: JSONValue) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Cannot fail: there are no numbers in it that JSON has not.
    return (try? encoder.encode(value)).map { [UInt8]($0) } ?? []
  }
}
