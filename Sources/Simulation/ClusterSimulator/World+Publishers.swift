import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog

// What devices publish, and publish again.
extension World {
  /// The mean time that a guest runs.
  private static let guestTime = Duration.milliseconds(10)
  /// How long a storm blows, at how many times the rate that the cluster can keep up with.
  private static let stormLength = 0.25
  private static let stormStrength = 10.0
  /// More says nothing more, and takes long.
  private static let largestStorm = 3000

  func publishEvent() {
    if isTroubled {
      timeline.plan(.eventIsPublished, after: workload.interval(mean: configuration.eventEvery))
    }
    guard plane?.hasBegun == true else { return }
    if workload.happens(0.3) {
      return call(calling.happens(0.1) ? anyModule() : deployedModule())
    }
    let topic = Topic(unchecked: "sensors/\(workload.next() % 4)")
    if publishing.happens(configuration.repetition),
      let again = publishing.element(of: publishers.recent)
    {
      publish(again)
    } else {
      publishNew(topic)
    }
  }

  private func publishNew(_ topic: Topic) {
    let reading = randomReading()
    let event = Event(
      id: publishers.nextID(), source: "/sensor", type: patterns.happens(0.7) ? "reading" : "alarm",
      topic: topic, subject: randomSubject(), data: reading.bytes)
    publish(Publishers.Publish(event: event, data: reading.json))
  }

  func randomSubject() -> String? {
    publishing.happens(0.8) ? "machine-\(publishing.index(below: 3))" : nil
  }

  private func publish(_ publish: Publishers.Publish) {
    let request = operators.nextRequest()
    publishers.publishes(publish, as: request)
    tellPlane(
      logicLife, .events(.eventReceived(request, publish.event, data: publish.data, .local)))
  }

  /// Somebody publishes again what they heard nothing good of.
  func publishAgain(_ again: Publishers.Publish) {
    guard plane?.hasBegun == true else { return }
    coverage.count(.publisherRepeats)
    publish(again)
  }

  func publishAccepted(_ request: RequestID, _ appended: AppendedEvent) {
    operators.eventsAccepted += 1
    guard let publish = publishers.answered(request) else { return }
    if appended.isDuplicate { coverage.count(.publisherHearsOfDuplicate) }
    deliveries.accepted(publish.event, appended, self)
  }

  func publishRefused(_ request: RequestID, _ problem: Problem) {
    guard let publish = publishers.answered(request) else { return }
    let patience = min(problem.retryAfter ?? .milliseconds(200), .seconds(2))
    if publishing.happens(0.3) { planAgain(publish, patience) }
  }

  /// The logic has ended.
  func publishersHearNothing() {
    for publish in publishers.takeUnanswered() where publishing.happens(0.8) {
      planAgain(publish, .milliseconds(100))
    }
  }

  private func planAgain(_ publish: Publishers.Publish, _ patience: Duration) {
    var again = publish
    again.tries += 1
    guard again.tries <= Publishers.mostTries else { return }
    timeline.plan(
      .eventIsRepeated(again), after: patience + publishing.duration(upTo: .milliseconds(500)))
  }

  // Storms.

  func planStorm() {
    guard let mean = configuration.stormEvery else { return }
    let at = timeline.now + publishing.interval(mean: mean).nanosecondCount
    if at < healAt { timeline.plan(.stormBegins, at: at) }
  }

  /// One topic, ten times as fast as all of it could be handled if everything went well.
  func beginStorm() {
    planStorm()
    let turnaround = (Self.guestTime + configuration.delay).nanosecondCount
    let capacity = Double(configuration.runningActivations) / Double(turnaround) * 1e9
    let count = min(Int(capacity * Self.stormStrength * Self.stormLength), Self.largestStorm)
    coverage.count(.storm)
    note("a storm of \(count) events begins")
    let gap = Duration.nanoseconds(Int64(1e9 * Self.stormLength) / Int64(max(1, count)))
    blow(topicOfStorm(), left: count, gap)
  }

  /// One that somebody wants, mostly.
  private func topicOfStorm() -> Topic {
    let module = publishing.element(of: plane?.catalog.placed.keys.sorted() ?? [])
    let filter = module.flatMap {
      plane?.catalog.placed[$0]?.deployment.configuration.triggers.first
    }
    if let text = filter?.topic.text, !text.hasSuffix("#") { return Topic(unchecked: text) }
    return Topic(unchecked: "sensors/\(publishing.index(below: 4))")
  }

  func blow(_ topic: Topic, left: Int, _ gap: Duration) {
    guard left > 0, isTroubled else { return }
    if plane?.hasBegun == true { publishNew(topic) }
    timeline.plan(.stormBlows(topic, left: left - 1, gap), after: gap)
  }
}
