import ClusterModel
import ControlPlaneLogic
import EventRouting
import HostPorts
import Logging
import ModuleCatalog

// Events, invocations, dead letters: what ``ClusterService`` says of them.
extension ControlPlane {
  func publish(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent {
    var event = event
    // What the platform sets is not taken from outside.
    event.setAttribute(PlatformAttribute.hops, to: nil)
    event.setAttribute(PlatformAttribute.cause, to: nil)
    return try await take(event, handledBy: [], by: caller)
  }

  private func take(
    _ event: Event, handledBy modules: Set<ModuleName>, by caller: Caller
  ) async throws(Problem) -> AppendedEvent {
    try await submit(try Self.taken(event, by: caller), by: caller.principal, handledBy: modules)
  }

  /// Events that came in at a node, in their order. Its entrance has taken away what is the platform's own; what a
  /// module there has published says how many results lie before it.
  ///
  /// - Parameter caller: who says that an event of a namespace came in.
  /// - Returns: how many of the first are durable, and why the next one is not. None behind that is: it will come
  ///   again, and would otherwise have lost its place.
  func take(
    _ events: [ForwardedEvent], by caller: (Namespace) -> Caller
  ) async -> ForwardedEvents {
    let taking = Taking()
    let series = EventSeries(requestIDs.next().number)
    for forwarded in events {
      // The others wait behind the one that was refused.
      guard taking.problem == nil else { break }
      do throws(Problem) {
        let caller = caller(forwarded.event.namespace)
        let event = try Self.taken(forwarded.event, by: caller)
        let data = try await data(of: event)
        let place = taking.begin()
        receive(event, data, caller.principal, forwarded.handledBy, in: series) {
          taking.end(place, $0)
        }
      } catch {
        taking.end(taking.begin(), .failure(error))
      }
    }
    await withCheckedContinuation { taking.whenAllHaveEnded($0) }
    return ForwardedEvents(count: taking.first ?? taking.count, problem: taking.problem)
  }

  /// What became of events that are taken in together. Used by the control plane alone.
  private final class Taking {
    private(set) var count = 0
    private var unfinished = 0
    /// The first that was not taken, and why.
    private(set) var first: Int?
    private(set) var problem: Problem?
    private var waiting: CheckedContinuation<Void, Never>?

    /// - Returns: the place of one that begins.
    func begin() -> Int {
      defer { count += 1 }
      unfinished += 1
      return count
    }

    func end(_ place: Int, _ result: Result<AppendedEvent, Problem>) {
      if case .failure(let failure) = result, place < first ?? .max {
        first = place
        problem = failure
      }
      unfinished -= 1
      if unfinished == 0 { waiting.take()?.resume() }
    }

    func whenAllHaveEnded(_ continuation: CheckedContinuation<Void, Never>) {
      guard unfinished > 0 else { return continuation.resume() }
      waiting = continuation
    }
  }

  /// An event as the platform takes it from outside.
  private static func taken(_ event: Event, by caller: Caller) throws(Problem) -> Event {
    var event = event
    event.namespace = caller.namespace
    event.setAttribute(PlatformAttribute.lifecycle, to: nil)
    event.setAttribute(PlatformAttribute.dropped, to: nil)
    if event.attribute(PlatformAttribute.traceParent) == nil {
      event.setAttribute(PlatformAttribute.traceParent, to: caller.traceParent)
    }
    guard !event.topic.isPlatformOwn else {
      throw Problem(
        .refused, code: "topic_reserved", "topics that begin with '$' are the platform's own",
        next: "Publish to another topic.")
    }
    return event
  }

  func eventStatus(
    _ offset: EventOffset, patience: Duration, for caller: Caller
  ) async throws(Problem) -> EventStatus {
    guard patience > .zero else { return try await status(of: offset) }
    // Registered before looking, so that no sign is missed.
    let (id, signs, end) = try waiters.add(offset)
    defer { waiters.remove(id, offset) }
    let timer = Task {
      // Cancelled when the event settled sooner.
      try? await Task.sleep(for: patience)
      end.finish()
    }
    defer { timer.cancel() }
    var status = try await status(of: offset)
    var iterator = signs.makeAsyncIterator()
    while !status.isSettled, await iterator.next(isolation: self) != nil {
      status = try await self.status(of: offset)
    }
    return status
  }

  private func status(of offset: EventOffset) async throws(Problem) -> EventStatus {
    guard let status = try await log.status(of: offset) else {
      throw Problem(
        .notFound, code: "event_unknown", "there is no event \(offset), or it is no longer kept",
        next: "Settled events are kept for a while only.")
    }
    return status
  }

  func logs(
    of module: ModuleName, follow: Bool, for caller: Caller
  ) async throws(Problem) -> AsyncStream<LogLine> {
    let name = QualifiedName(caller.namespace, module)
    guard logic.catalog.placed[name] != nil || logic.catalog.versions[name] != nil else {
      throw Problem(
        .notFound, code: "module_unknown", "there is no module \(name)",
        next: "See which there are with `wasmatrix modules`.")
    }
    guard follow else {
      let lines = await links.ask(answering) { await $0.logLines(of: name) }.flatMap(\.answer)
      let sorted = lines.sorted { $0.at < $1.at }
      return AsyncStream { continuation in
        for line in sorted { continuation.yield(line) }
        continuation.finish()
      }
    }
    return try await followLogs(of: name)
  }

  /// The logs of all nodes that there are now, in one stream.
  private func followLogs(of name: QualifiedName) async throws(Problem) -> AsyncStream<LogLine> {
    let answers = await links.ask(answering) { agent in
      do throws(Problem) {
        return Result<AsyncStream<LogLine>, Problem>.success(
          try await agent.followLog(of: name))
      } catch {
        return .failure(error)
      }
    }
    let streams = answers.compactMap { try? $0.answer.get() }
    // One that does not answer is no reason not to follow the others.
    if streams.isEmpty, case .failure(let problem)? = answers.first?.answer { throw problem }
    if streams.count == 1 { return streams[0] }
    let all = streams
    return AsyncStream { continuation in
      let task = Task {
        await withDiscardingTaskGroup { group in
          for stream in all {
            group.addTask { for await line in stream { continuation.yield(line) } }
          }
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  func deadLetters(
    from id: DeliveryID, limit: Int, for caller: Caller
  ) async throws(Problem) -> [DeadLetter] {
    try await log.deadLetters(from: id, limit: limit)
  }

  func deadLetter(
    _ id: DeliveryID, for caller: Caller
  ) async throws(Problem) -> DeadLetter {
    guard let letter = try await log.deadLetter(id) else { throw Self.noDeadLetter(id) }
    return letter
  }

  func replayDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try requireRunning()
    guard logic.router.hasRoom else { throw logic.router.full(clock.now()) }
    guard let pending = try await log.replayDeadLetter(id) else { throw Self.noDeadLetter(id) }
    logger.info("a dead letter is replayed", metadata: ["delivery": "\(id)"])
    feed(.events(.deadLetterReplayed(pending)))
  }

  func dropDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    guard try await log.dropDeadLetter(id) else { throw Self.noDeadLetter(id) }
    logger.info("a dead letter is dropped", metadata: ["delivery": "\(id)"])
  }

  private static func noDeadLetter(_ id: DeliveryID) -> Problem {
    Problem(
      .notFound, code: "dead_letter_unknown", "there is no dead letter \(id)",
      next: "See which there are with `wasmatrix events dead list`.")
  }
}
