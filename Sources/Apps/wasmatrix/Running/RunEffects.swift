import ClusterModel
import EventRouting
import HostPorts

/// How a run ended, and what it did.
struct RunEnding: Sendable {
  var report: ActivationReport
  var effects = RunEffects()
}

/// What a run did beside its output. None of it leaves this process.
struct RunEffects: Sendable {
  /// What became of the keys of a bucket.
  struct Bucket: Sendable {
    var name: BucketName
    /// Oldest write first.
    var changes: [StateChange]
  }

  /// As the log of a cluster would have them.
  var published: [Event] = []
  /// Of all buckets that it was granted, when it succeeded.
  var state: [Bucket] = []
  /// What it published and wrote in vain, as it failed.
  var discarded = 0

  /// More lines of a sort would hide what the module itself says.
  private static let most = 10
  /// Of data and values, in Unicode scalars.
  private static let excerpt = 100

  /// What a run wants done, of which nothing is done.
  static func discarding(_ effects: ActivationEffects) -> RunEffects {
    RunEffects(discarded: effects.published.count + effects.writes.count)
  }

  /// What a run published, as events.
  static func events(
    _ published: [GuestPublish], by module: ModuleName, at now: WallInstant
  ) -> [Event] {
    let cause = Event(id: "run", source: "/run", type: "run", topic: Topic(unchecked: "run"))
    return published.enumerated().map { index, event in
      EventRouter.event(
        event, of: cause, by: QualifiedName(.default, module), at: now, id: "\(index + 1)-run")
    }
  }

  /// For whoever ran it.
  var lines: [String] {
    let events = published.map { event in
      "published \(Self.quoted(event.topic.text)): \(Self.quoted(event.data))"
    }
    var lines = Self.some(events, "events were published")
    lines += Self.some(state.flatMap { Self.told($0) }, "keys were written")
    if discarded > 0 { lines.append("it failed: what it published and wrote took no effect") }
    return lines
  }

  private static func told(_ bucket: Bucket) -> [String] {
    bucket.changes.map { change in
      let place = quoted("\(bucket.name)/\(change.key)")
      guard let entry = change.entry else { return "state \(place): deleted" }
      return "state \(place): \(quoted(entry.value)), revision \(entry.revision)"
    }
  }

  private static func some(_ lines: [String], _ what: String) -> [String] {
    guard lines.count > most else { return lines }
    return Array(lines.prefix(most)) + ["\(lines.count) \(what) in all"]
  }

  private static func quoted(_ bytes: [UInt8]) -> String {
    let size = ByteCount(bytes: bytes.count)
    guard let text = String(validating: bytes, as: UTF8.self) else { return "\(size), no text" }
    let start = String(text.unicodeScalars.prefix(excerpt))
    return start.utf8.count == bytes.count ? quoted(start) : "\(quoted(start))... (\(size))"
  }

  private static func quoted(_ text: String) -> String { Terminal.harmless(text.debugDescription) }
}
