public import ClusterModel

// Events about the life of the cluster itself.
extension EventRouter {
  /// How many lifecycle events were not told, because there were too many of them.
  public var lifecycleDropped: Int { gate.refused }

  /// Whether some trigger could want an event of a topic.
  public func hasSubscribers(to topic: Topic, in namespace: Namespace) -> Bool {
    // Of which there are thousands when a node with a thousand placements is lost.
    if topic.isPlatformOwn { return table.hasSubscribers(toPlatform: topic, in: namespace) }
    return deployments.contains { name, deployment in
      name.namespace == namespace
        && deployment.configuration.triggers.contains { $0.topic.matches(topic) }
    }
  }

  /// Nobody waits for such an event: when there is no room for it it is counted, and the next one says so.
  ///
  /// - Parameter isWatched: whether somebody wants it who is no module.
  mutating func takeIn(
    _ request: RequestID, _ event: Event, _ data: JSONValue?, isWatched: Bool, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard !isStopping else { return }
    var accepted = accepted(event, data, by: .system, now)
    let targets = accepted.targets
    guard isWatched || !targets.isEmpty else { return }
    let bytes = event.footprint.bytes * targets.count
    guard pendingCount + targets.count <= limits.pendingDeliveries,
      pendingBytes + bytes <= limits.pendingBytes.bytes, appending.count < limits.appending
    else { return gate.refuse() }
    guard let missed = gate.pass(at: now.monotonic) else { return }
    if missed > 0 { accepted.event.setAttribute(PlatformAttribute.dropped, to: String(missed)) }
    owes(1, toTargetsOf: accepted)
    pendingCount += targets.count
    pendingBytes += accepted.event.footprint.bytes * targets.count
    appending[request] = accepted
    directives.append(.append(request, accepted))
  }
}
