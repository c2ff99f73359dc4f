import ClusterModel
import Testing

@testable import NodeTracking

/// What follows from every input in every situation a node can be in. What the table does not name
/// has no consequence.
@Suite struct TransitionTableTests {
  /// The states, divided by what else decides.
  enum Situation: String, CaseIterable {
    case unknown
    case healthy
    case overloaded
    /// Degraded, because its workers do not get on.
    case stuck
    case suspect
    /// Known from the store, never heard.
    case expected
    /// Recovered, then silent again before it was adopted.
    case suspectUnadopted
    /// Silent for too long, but so are most others.
    case held
    case lostToSilence
    case disconnected
    case ended
    case lostStuck
    /// Lost because it was stuck, registered again since, not compared yet.
    case stuckAttached
    /// The same, and compared.
    case stuckAdopted
    case recovered
  }

  enum Event: String, CaseIterable {
    case started, expected
    case registeredAgain, registeredNewer, registeredOlder, registeredElsewhere
    case beat, beatOverloaded, beatStuck, beatDoubled, beatOfOlder, beatOfNewer
    case connectionClosed, processEnded, leftOrderly, deathOfOlder, deathOfNewer
    case cordoned, uncordoned, drained, drainCompleted
    case adopted, forgotten
    /// Its next deadline comes, and the one after, until something follows.
    case time
  }

  /// `situation: event = what follows`; `>` is a change of state.
  static let table = """
    unknown: expected = > suspect (expected)
    unknown: registeredAgain = > healthy (registered)
    unknown: registeredNewer = > healthy (registered)
    unknown: registeredOlder = > healthy (registered)
    unknown: registeredElsewhere = > healthy (registered)
    healthy: registeredNewer = > recovered (restarted), adopt
    healthy: registeredOlder = refuse#4 (node_incarnation_older)
    healthy: registeredElsewhere = schedule
    healthy: beatOverloaded = > degraded (overloaded)
    healthy: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    healthy: processEnded = > unavailable (processEnded), move (processEnded)
    healthy: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    healthy: deathOfNewer = > unavailable (processEnded), move (processEnded)
    healthy: cordoned = schedule
    healthy: drained = schedule, drain
    healthy: forgotten = > unavailable (forgotten), move (forgotten)
    healthy: time = > suspect (silent)
    overloaded: registeredNewer = > recovered (restarted), adopt
    overloaded: registeredOlder = refuse#4 (node_incarnation_older)
    overloaded: registeredElsewhere = schedule
    overloaded: beat = > healthy (relieved)
    overloaded: beatStuck = > healthy (relieved)
    overloaded: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    overloaded: processEnded = > unavailable (processEnded), move (processEnded)
    overloaded: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    overloaded: deathOfNewer = > unavailable (processEnded), move (processEnded)
    overloaded: cordoned = schedule
    overloaded: drained = schedule, drain
    overloaded: forgotten = > unavailable (forgotten), move (forgotten)
    overloaded: time = > suspect (silent)
    stuck: registeredNewer = > recovered (restarted), adopt
    stuck: registeredOlder = refuse#4 (node_incarnation_older)
    stuck: registeredElsewhere = schedule
    stuck: beat = > healthy (relieved)
    stuck: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    stuck: processEnded = > unavailable (processEnded), move (processEnded)
    stuck: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    stuck: deathOfNewer = > unavailable (processEnded), move (processEnded)
    stuck: cordoned = schedule
    stuck: drained = schedule, drain
    stuck: forgotten = > unavailable (forgotten), move (forgotten)
    stuck: time = > suspect (silent)
    suspect: registeredAgain = > healthy (heardAgain)
    suspect: registeredNewer = > recovered (restarted), adopt
    suspect: registeredOlder = refuse#4 (node_incarnation_older)
    suspect: registeredElsewhere = > healthy (heardAgain), schedule
    suspect: beat = > healthy (heardAgain)
    suspect: beatOverloaded = > degraded (heardAgain)
    suspect: beatStuck = > healthy (heardAgain)
    suspect: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    suspect: processEnded = > unavailable (processEnded), move (processEnded)
    suspect: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    suspect: deathOfNewer = > unavailable (processEnded), move (processEnded)
    suspect: cordoned = schedule
    suspect: drained = schedule, drain
    suspect: forgotten = > unavailable (forgotten), move (forgotten)
    suspect: time = > unavailable (silent), move (silence)
    expected: registeredAgain = > recovered (heardAgain), adopt
    expected: registeredNewer = > recovered (restarted), adopt
    expected: registeredOlder = refuse#4 (node_incarnation_older)
    expected: registeredElsewhere = > recovered (heardAgain), adopt, schedule
    expected: beat = > recovered (heardAgain), adopt
    expected: beatOverloaded = > recovered (heardAgain), adopt
    expected: beatStuck = > recovered (heardAgain), adopt
    expected: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    expected: processEnded = > unavailable (processEnded), move (processEnded)
    expected: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    expected: deathOfNewer = > unavailable (processEnded), move (processEnded)
    expected: cordoned = schedule
    expected: drained = schedule, drain
    expected: forgotten = > unavailable (forgotten), move (forgotten)
    expected: time = > unavailable (silent), move (silence)
    suspectUnadopted: registeredAgain = > recovered (heardAgain), adopt
    suspectUnadopted: registeredNewer = > recovered (restarted), adopt
    suspectUnadopted: registeredOlder = refuse#4 (node_incarnation_older)
    suspectUnadopted: registeredElsewhere = > recovered (heardAgain), adopt, schedule
    suspectUnadopted: beat = > recovered (heardAgain), adopt
    suspectUnadopted: beatOverloaded = > recovered (heardAgain), adopt
    suspectUnadopted: beatStuck = > recovered (heardAgain), adopt
    suspectUnadopted: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    suspectUnadopted: processEnded = > unavailable (processEnded), move (processEnded)
    suspectUnadopted: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    suspectUnadopted: deathOfNewer = > unavailable (processEnded), move (processEnded)
    suspectUnadopted: cordoned = schedule
    suspectUnadopted: drained = schedule, drain
    suspectUnadopted: forgotten = > unavailable (forgotten), move (forgotten)
    suspectUnadopted: time = > unavailable (silent), move (silence)
    held: registeredAgain = > healthy (heardAgain)
    held: registeredNewer = > recovered (restarted), adopt
    held: registeredOlder = refuse#4 (node_incarnation_older)
    held: registeredElsewhere = > healthy (heardAgain), schedule
    held: beat = > healthy (heardAgain)
    held: beatOverloaded = > degraded (heardAgain)
    held: beatStuck = > degraded (heardAgain)
    held: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    held: processEnded = > unavailable (processEnded), move (processEnded)
    held: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    held: deathOfNewer = > unavailable (processEnded), move (processEnded)
    held: cordoned = schedule
    held: drained = schedule, drain
    held: forgotten = > unavailable (forgotten), move (forgotten)
    lostToSilence: registeredAgain = > recovered (heardAgain), adopt
    lostToSilence: registeredNewer = > recovered (restarted), adopt
    lostToSilence: registeredOlder = refuse#4 (node_incarnation_older)
    lostToSilence: registeredElsewhere = > recovered (heardAgain), adopt, schedule
    lostToSilence: beat = > recovered (heardAgain), adopt
    lostToSilence: beatOverloaded = > recovered (heardAgain), adopt
    lostToSilence: beatStuck = > recovered (heardAgain), adopt
    lostToSilence: processEnded = move (processEnded)
    lostToSilence: leftOrderly = move (leftOrderly)
    lostToSilence: deathOfNewer = move (processEnded)
    lostToSilence: cordoned = schedule
    lostToSilence: drained = schedule, drain
    disconnected: registeredAgain = > recovered (heardAgain), adopt
    disconnected: registeredNewer = > recovered (restarted), adopt
    disconnected: registeredOlder = refuse#4 (node_incarnation_older)
    disconnected: registeredElsewhere = > recovered (heardAgain), adopt, schedule
    disconnected: beat = > recovered (heardAgain), adopt
    disconnected: beatOverloaded = > recovered (heardAgain), adopt
    disconnected: beatStuck = > recovered (heardAgain), adopt
    disconnected: processEnded = move (processEnded)
    disconnected: leftOrderly = move (leftOrderly)
    disconnected: deathOfNewer = move (processEnded)
    disconnected: cordoned = schedule
    disconnected: drained = schedule, drain
    ended: registeredAgain = refuse#5 (node_incarnation_ended)
    ended: registeredNewer = > recovered (restarted), adopt
    ended: registeredOlder = refuse#4 (node_incarnation_older)
    ended: registeredElsewhere = refuse#5 (node_incarnation_ended)
    ended: cordoned = schedule
    ended: drained = schedule, drain
    lostStuck: registeredAgain = adopt
    lostStuck: registeredNewer = > recovered (restarted), adopt
    lostStuck: registeredOlder = refuse#4 (node_incarnation_older)
    lostStuck: registeredElsewhere = adopt, schedule
    lostStuck: beat = > recovered (relieved), adopt
    lostStuck: beatOverloaded = > recovered (relieved), adopt
    lostStuck: processEnded = move (processEnded)
    lostStuck: leftOrderly = move (leftOrderly)
    lostStuck: deathOfNewer = move (processEnded)
    lostStuck: cordoned = schedule
    lostStuck: drained = schedule, drain
    stuckAttached: registeredAgain = adopt
    stuckAttached: registeredNewer = > recovered (restarted), adopt
    stuckAttached: registeredOlder = refuse#4 (node_incarnation_older)
    stuckAttached: registeredElsewhere = adopt, schedule
    stuckAttached: beat = > recovered (relieved), adopt
    stuckAttached: beatOverloaded = > recovered (relieved), adopt
    stuckAttached: connectionClosed = move (connectionClosed)
    stuckAttached: processEnded = move (processEnded)
    stuckAttached: leftOrderly = move (leftOrderly)
    stuckAttached: deathOfNewer = move (processEnded)
    stuckAttached: cordoned = schedule
    stuckAttached: drained = schedule, drain
    stuckAttached: forgotten = move (forgotten)
    stuckAdopted: registeredAgain = adopt
    stuckAdopted: registeredNewer = > recovered (restarted), adopt
    stuckAdopted: registeredOlder = refuse#4 (node_incarnation_older)
    stuckAdopted: registeredElsewhere = adopt, schedule
    stuckAdopted: beat = > recovered (relieved), > healthy (adopted)
    stuckAdopted: beatOverloaded = > recovered (relieved), > degraded (adopted)
    stuckAdopted: connectionClosed = move (connectionClosed)
    stuckAdopted: processEnded = move (processEnded)
    stuckAdopted: leftOrderly = move (leftOrderly)
    stuckAdopted: deathOfNewer = move (processEnded)
    stuckAdopted: cordoned = schedule
    stuckAdopted: drained = schedule, drain
    stuckAdopted: forgotten = move (forgotten)
    recovered: registeredAgain = adopt
    recovered: registeredNewer = adopt
    recovered: registeredOlder = refuse#4 (node_incarnation_older)
    recovered: registeredElsewhere = adopt, schedule
    recovered: connectionClosed = > unavailable (connectionClosed), move (connectionClosed)
    recovered: processEnded = > unavailable (processEnded), move (processEnded)
    recovered: leftOrderly = > unavailable (leftOrderly), move (leftOrderly)
    recovered: deathOfNewer = > unavailable (processEnded), move (processEnded)
    recovered: cordoned = schedule
    recovered: drained = schedule, drain
    recovered: adopted = > healthy (adopted)
    recovered: forgotten = > unavailable (forgotten), move (forgotten)
    recovered: time = > suspect (silent)
    """

  static let node = TrackerScript.node

  /// A tracker with a node in a situation; its incarnation is 5.
  static func script(_ situation: Situation) -> TrackerScript {
    var script = TrackerScript()
    func lose() {
      script.advance(TrackerScript.interval * 11)
    }
    switch situation {
    case .unknown: return script
    case .expected:
      script.tell(.expected(registration(node, incarnation: 5)))
      return script
    case .healthy, .overloaded, .stuck, .suspect, .suspectUnadopted, .held, .lostToSilence,
      .disconnected, .ended, .lostStuck, .stuckAttached, .stuckAdopted, .recovered:
      script.register(incarnation: 5)
    }
    switch situation {
    case .unknown, .expected, .healthy: break
    case .overloaded: script.beat(cpu: 99)
    case .stuck: getStuck(&script)
    case .suspect: script.advance(TrackerScript.interval * 5)
    case .suspectUnadopted:
      lose()
      script.beat()
      script.advance(TrackerScript.interval * 5)
    case .held:
      for other in nodes(6).dropFirst(1) { script.register(other, domain: "\(other)") }
      script.advance(TrackerScript.interval * 11)
    case .lostToSilence: lose()
    case .disconnected: script.tell(.deathWitnessed(node, Incarnation(5), .connectionClosed))
    case .ended: script.tell(.deathWitnessed(node, Incarnation(5), .processEnded))
    case .lostStuck: getLostStuck(&script)
    case .stuckAttached:
      getLostStuck(&script)
      script.tell(.registered(registration(node, incarnation: 5)))
    case .stuckAdopted:
      getLostStuck(&script)
      script.tell(.registered(registration(node, incarnation: 5)))
      script.tell(.adopted(node))
    case .recovered:
      lose()
      script.beat()
    }
    return script
  }

  private static func getStuck(_ script: inout TrackerScript) {
    for _ in 0..<12 {
      script.advance(TrackerScript.interval)
      script.beat(isBusy: true)
    }
  }

  private static func getLostStuck(_ script: inout TrackerScript) {
    for _ in 0..<32 {
      script.advance(TrackerScript.interval)
      script.beat(isBusy: true)
    }
  }

  static func happen(_ event: Event, _ script: inout TrackerScript) -> [String] {
    func die(_ incarnation: UInt64, _ evidence: DeathEvidence) -> [String] {
      script.tell(.deathWitnessed(node, Incarnation(incarnation), evidence))
    }
    func beat(_ incarnation: UInt64, cpu: Double = 0, isBusy: Bool = false) -> [String] {
      script.beat(incarnation: incarnation, isBusy: isBusy, cpu: cpu)
    }
    switch event {
    case .started: return script.tell(.started)
    case .expected: return script.tell(.expected(registration(node, incarnation: 5)))
    case .registeredAgain: return script.register(incarnation: 5)
    case .registeredNewer: return script.register(incarnation: 6)
    case .registeredOlder: return script.register(incarnation: 4)
    case .registeredElsewhere: return script.register(incarnation: 5, zone: "elsewhere")
    case .beat: return beat(5)
    case .beatOverloaded: return beat(5, cpu: 99)
    case .beatStuck: return beat(5, isBusy: true)
    case .beatDoubled:
      // One that says it is well, but is no newer than the newest.
      let sequence = script.tracker.nodes[node]?.vitals.sequence ?? 0
      return script.tell(
        .heartbeatReceived(
          heartbeat(node, incarnation: 5, sequence: sequence, progress: 1000),
          at: script.now.monotonic))
    case .beatOfOlder: return beat(4)
    case .beatOfNewer: return beat(6)
    case .connectionClosed: return die(5, .connectionClosed)
    case .processEnded: return die(5, .processEnded)
    case .leftOrderly: return die(5, .leftOrderly)
    case .deathOfOlder: return die(4, .processEnded)
    case .deathOfNewer: return die(6, .processEnded)
    case .cordoned: return script.tell(.cordonRequested(node))
    case .uncordoned: return script.tell(.uncordonRequested(node))
    case .drained: return script.tell(.drainRequested(node))
    case .drainCompleted: return script.tell(.drainCompleted(node))
    case .adopted: return script.tell(.adopted(node))
    case .forgotten: return script.tell(.forgetRequested(node))
    case .time:
      // Three looks find whatever silence leads to.
      for _ in 0..<3 {
        guard let deadline = script.tracker.nextDeadline else { return [] }
        script.sleep(deadline - script.now.monotonic)
        let directives = script.tell(.deadlineReached)
        if !directives.isEmpty { return directives }
      }
      return []
    }
  }

  private static func short(_ directive: String, _ from: NodeState?) -> String {
    let change = "\(node): \(from?.rawValue ?? "new") -> "
    return
      (directive.hasPrefix(change) ? "> " + directive.dropFirst(change.count) : directive)
      .replacing(" from \(node)", with: "").replacing(" of \(node)", with: "")
      .replacing(" \(node)", with: "")
  }

  static func outcome(_ situation: Situation, _ event: Event) -> String {
    var script = script(situation)
    var from = script.state()
    var parts: [String] = []
    for directive in happen(event, &script) {
      parts.append(short(directive, from))
      if directive.hasPrefix("\(node): "),
        let to = NodeState.allCases.first(where: {
          directive.contains("-> \($0.rawValue) ")
        })
      {
        from = to
      }
    }
    return parts.joined(separator: ", ")
  }

  @Test func `what follows from every input in every situation is what the table says`() {
    var expected: [String: String] = [:]
    for line in Self.table.split(separator: "\n") {
      let parts = line.split(separator: " = ", maxSplits: 1).map(String.init)
      #expect(parts.count == 2 && expected[parts[0]] == nil, "\(line) is no row, or is there twice")
      expected[parts[0]] = parts.last
    }
    for situation in Situation.allCases {
      for event in Event.allCases {
        let row = "\(situation): \(event)"
        #expect(Self.outcome(situation, event) == expected.removeValue(forKey: row) ?? "", "\(row)")
      }
    }
    #expect(expected.isEmpty, "rows of nothing: \(expected.keys.sorted())")
  }
}
