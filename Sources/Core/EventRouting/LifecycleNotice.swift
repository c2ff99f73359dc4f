public import ClusterModel

/// Something in the life of the cluster, as an event that modules and people can follow: its topic is
/// `$wasmatrix/lifecycle/NAME`.
public struct LifecycleNotice: Sendable {
  public enum Name: String, Sendable, CaseIterable {
    /// A placement serves from now on, or no more.
    case moduleStart = "module_start"
    case moduleStop = "module_stop"
    /// A placement could not be made ready on a node, or failed there.
    case moduleFailure = "module_failure"
    /// The number of nodes that serve a deployment has changed.
    case scaleEvent = "scale_event"
    /// A deployment, a rollback, an undeployment took effect.
    case deploymentChanged = "deployment_changed"
    case nodeJoin = "node_join"
    case nodeFailure = "node_failure"
    /// All that a lost node served is served again.
    case nodeFailover = "node_failover"
    case nodeRecovered = "node_recovered"
    /// A node is seen in another way that is none of these.
    case nodeState = "node_state"
    /// A delivery was put aside.
    case deadLetter = "dead_letter"
    /// A part of a process is started again, or that was given up.
    case supervisionRestart = "supervision_restart"
    case supervisionEscalation = "supervision_escalation"
    /// A fresh instance of a service runs, or one has ended by itself.
    case serviceStart = "service_start"
    case serviceExit = "service_exit"
    /// Something is wrong with the whole, or is no longer.
    case alarm
  }

  public var name: Name
  /// Unique together with the source.
  public var id: String
  /// Whom it is about: `node/NAME`, `module/NAME`; the event's subject.
  public var subject: String
  public var namespace: Namespace
  public var at: WallInstant
  /// What there is to know, by name: the event's data.
  public var payload: [String: JSONValue]
  /// The id of the event that it came of, if it came of one.
  public var cause: String?

  public init(
    _ name: Name, id: String, subject: String, namespace: Namespace = .default, at: WallInstant,
    payload: [String: JSONValue], cause: String? = nil
  ) {
    self.name = name
    self.id = id
    self.subject = subject
    self.namespace = namespace
    self.at = at
    self.payload = payload
    self.cause = cause
  }

  /// What the control plane tells of its nodes and placements.
  public init(_ message: EventMessage) {
    let name: Name =
      switch message.type {
      case .moduleStart: .moduleStart
      case .moduleStop: .moduleStop
      case .moduleFailure: .moduleFailure
      case .scaleEvent: .scaleEvent
      case .deploymentChange: .deploymentChanged
      case .nodeFailure: .nodeFailure
      case .nodeFailover: .nodeFailover
      case .alarm: .alarm
      case .nodeState:
        switch (message.payload["from"], message.payload["to"]) {
        case (.null?, _?): .nodeJoin
        case (.string("unavailable")?, _?), (_, .string("recovered")?): .nodeRecovered
        case _: .nodeState
        }
      }
    self.init(
      name, id: message.id, subject: message.target, at: message.timestamp,
      payload: message.payload)
  }

  /// What became of a service, or of a part of an agent's process.
  public init(_ news: ServiceNews) {
    var payload: [String: JSONValue] = ["node": .string(news.node.text)]
    payload["application"] = news.application.map { JSONValue.string($0.text) }
    let name: Name
    switch news.happening {
    case .started(let start):
      name = .serviceStart
      payload["start"] = .integer(Int64(start))
    case .ended(let reason):
      name = .serviceExit
      payload["reason"] = .string(reason)
    case .restarting(let reason, let restarts, let delay):
      name = .supervisionRestart
      payload["after"] = .string(reason)
      payload["restarts"] = .integer(Int64(restarts))
      payload["delayMilliseconds"] = .integer(delay.nanoseconds / 1_000_000)
    case .escalated(let reason, let restarts, let window):
      name = .supervisionEscalation
      payload["after"] = .string(reason)
      payload["restarts"] = .integer(Int64(restarts))
      payload["withinMilliseconds"] = .integer(window.nanoseconds / 1_000_000)
    }
    let owner = news.application.map { "\(news.node)/\($0)" } ?? "\(news.node)"
    let kind = news.application == nil ? "service" : "module"
    self.init(
      name, id: "\(owner)/\(news.child)-\(name.rawValue)-\(news.at.microseconds)",
      subject: "\(kind)/\(news.child)", namespace: news.namespace, at: news.at, payload: payload)
  }

  /// A delivery was put aside.
  ///
  /// - Parameter event: `nil` when it is damaged.
  /// - Returns: `nil` when its event came of a lifecycle event: nothing that is done about one may ever make
  ///   another, or they would never end.
  public init?(_ id: DeliveryID, _ offset: EventOffset, _ death: DeliveryDeath, of event: Event?) {
    guard event?.attribute(PlatformAttribute.lifecycle) == nil else { return nil }
    var payload: [String: JSONValue] = [
      "delivery": .integer(id.number), "offset": .integer(offset.number),
      "module": .string(death.module.name.text), "attempts": .integer(Int64(death.attempts)),
      "failure": .string(death.failure.code.rawValue), "message": .string(death.failure.message),
    ]
    if let event {
      payload["event"] = .string(event.id)
      payload["source"] = .string(event.source)
      payload["topic"] = .string(event.topic.text)
    }
    self.init(
      .deadLetter, id: "dead-\(id)-\(death.at.microseconds)",
      subject: "module/\(death.module.name)", namespace: death.module.namespace, at: death.at,
      payload: payload, cause: event?.id)
  }

  public static let topicPrefix = "$wasmatrix/lifecycle/"
  /// The source of all of them.
  public static let source = "/wasmatrix"

  public var topic: Topic { Topic(unchecked: Self.topicPrefix + name.rawValue) }

  /// - Parameter data: the JSON of its payload.
  public func event(data: [UInt8]) -> Event {
    var event = Event(
      id: id, source: Self.source, type: "wasmatrix.\(name.rawValue)", topic: topic,
      namespace: namespace, subject: subject, time: at, dataContentType: "application/json",
      data: data)
    event.setAttribute(PlatformAttribute.lifecycle, to: name.rawValue)
    event.setAttribute(PlatformAttribute.cause, to: cause)
    return event
  }
}

/// How a delivery came to be a dead letter.
public struct DeliveryDeath: Hashable, Sendable {
  public var module: QualifiedName
  /// The last one included.
  public var attempts: Int
  public var failure: ActivationFailure
  public var at: WallInstant

  public init(module: QualifiedName, attempts: Int, failure: ActivationFailure, at: WallInstant) {
    self.module = module
    self.attempts = attempts
    self.failure = failure
    self.at = at
  }
}
