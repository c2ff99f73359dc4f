import ClusterModel
import EventPatterns
import EventReading
import HostPorts
import SupervisionRuntime

/// One who follows events: a place in the log, and what is wanted of what comes after it.
actor LogTail: EventTail {
  private let question: TailQuestion
  private let namespace: Namespace
  private let bus: ResourceSlot<EventStores>
  private let tails: EventTails
  private let id: UInt64
  private let clock: any HostClock
  private var next: EventOffset

  /// Events that are looked at in one step.
  private static let pageSize = 256

  init(
    _ question: TailQuestion, in namespace: Namespace, _ bus: ResourceSlot<EventStores>,
    _ tails: EventTails, clock: any HostClock
  ) async throws(Problem) {
    self.question = question
    self.namespace = namespace
    self.bus = bus
    self.tails = tails
    self.clock = clock
    // Before looking where the end is, so that lifecycle events are written from now on.
    let id = try tails.add(question.topic, in: namespace)
    self.id = id
    do throws(Problem) {
      next = try await Self.start(question, bus)
    } catch {
      tails.remove(id)
      throw error
    }
  }

  private static func start(
    _ question: TailQuestion, _ bus: ResourceSlot<EventStores>
  ) async throws(Problem) -> EventOffset {
    if let since = question.since { return since }
    return try await bus.use { (stores) async throws(Problem) in
      EventOffset(try await stores.log.newestOffset().number + 1)
    }
  }

  deinit { tails.remove(id) }

  func next(patience: Duration) async throws(Problem) -> [TailItem] {
    let deadline = clock.now().monotonic + patience
    while true {
      // Before looking, so that nothing between is missed.
      let signs = tails.signs(for: id)
      let from = next
      let page = try await bus.use { (stores) async throws(Problem) in
        try await stores.log.events(from: from, limit: Self.pageSize)
      }
      let items = await items(of: page)
      let left = deadline - clock.now().monotonic
      guard items.isEmpty, left > .zero, !Task.isCancelled else { return items }
      if page.next == from { await SignWaiting.wait(for: signs, atMost: left) }
    }
  }

  /// What is wanted of a page, and where something is missing that is no longer kept or damaged.
  private func items(of page: EventPage) async -> [TailItem] {
    var items: [TailItem] = []
    for logged in page.events {
      if logged.offset > next { items.append(missed(before: logged.offset)) }
      next = EventOffset(logged.offset.number + 1)
      if await isWanted(logged.event) { items.append(.event(logged)) }
    }
    if page.next > next {
      items.append(missed(before: page.next))
      next = page.next
    }
    return items
  }

  private func missed(before offset: EventOffset) -> TailItem {
    .missed(from: next, through: EventOffset(offset.number - 1))
  }

  private func isWanted(_ event: Event) async -> Bool {
    guard event.namespace == namespace, question.topic.matches(event.topic) else { return false }
    guard let pattern = question.pattern else { return true }
    let data = pattern.usesData ? await EventData.json(event.data) : nil
    return pattern.matches(event, data: data)
  }
}

/// Waiting for a sign, but not for ever.
enum SignWaiting {
  static func wait(for signs: AsyncStream<Void>, atMost patience: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await () in signs { return } }
      group.addTask {
        // Cancelled when a sign came sooner.
        try? await Task.sleep(for: patience)
      }
      await group.next()
      group.cancelAll()
    }
  }
}
