import ClusterModel
import LocalSystem

/// What is published: a reading of a sensor, 150 bytes of JSON.
enum Sample {
  static let topic = Topic(unchecked: "plant/7/reading")
  static let data = Array(
    #"""
    {"sensor":{"id":"press-17","line":4},"temperature":71.25,"vibration":[0.11,0.12,0.09],\#
    "state":"running","taken":"2026-11-26T12:00:00.000Z","unit":"C"}
    """#.utf8)

  static func event(_ number: Int, topic: Topic = topic, data: [UInt8] = data) -> Event {
    Event(
      id: "e\(number)", source: "/bench", type: "reading", topic: topic,
      dataContentType: "application/json", data: data)
  }

  static func accepted(_ number: Int, targets: [ModuleName] = []) -> AcceptedEvent {
    AcceptedEvent(
      event: event(number), acceptedAt: clock.now().wall, principal: .local, targets: targets)
  }

  static let clock = SystemClock()
  static let module = ModuleName(unchecked: "handler")
}
