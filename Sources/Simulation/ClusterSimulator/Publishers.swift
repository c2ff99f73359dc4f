import ClusterModel

/// Devices that publish. Whoever did not hear what became of it publishes it again, with the same source and
/// id; so does, a few times, whoever is told to slow down.
struct Publishers {
  struct Publish {
    let event: Event
    let data: JSONValue?
    var tries = 1
  }

  /// Tries in all: nobody publishes the same for ever.
  static let mostTries = 4
  /// Of how many it is remembered what they said.
  private static let remembered = 32

  private(set) var waiting: [RequestID: Publish] = [:]
  private(set) var recent: [Publish] = []
  private var lastID = 0

  mutating func nextID() -> String {
    lastID += 1
    return "\(lastID)"
  }

  mutating func publishes(_ publish: Publish, as request: RequestID) {
    waiting[request] = publish
    if recent.count == Self.remembered { recent.removeFirst() }
    recent.append(publish)
  }

  /// - Returns: what was published so; `nil` when nobody waits for the answer.
  mutating func answered(_ request: RequestID) -> Publish? {
    waiting.removeValue(forKey: request)
  }

  /// Nobody answers any more: what was published may be durable, or not. In the order of the publishes.
  mutating func takeUnanswered() -> [Publish] {
    defer { waiting = [:] }
    return waiting.sorted { $0.key.number < $1.key.number }.map(\.value)
  }
}
