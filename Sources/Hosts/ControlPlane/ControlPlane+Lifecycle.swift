import ClusterModel
import ControlPlaneLogic
import EventRouting
import Foundation
import HostPorts
import Metrics

// What happens in the cluster, as events.
extension ControlPlane {
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
        .lifecycleOccurred(requests.next(), event, data: payload, isWatched: isWatched)))
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
