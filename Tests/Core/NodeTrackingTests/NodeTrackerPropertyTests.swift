import ClusterModel
import PropertyTesting
import Testing

@testable import NodeTracking

@Suite struct NodeTrackerPropertyTests {
  /// Some step of a random run: what, with which node, how much.
  typealias Step = (kind: Int, node: Int, amount: Int)

  private static let steps: Generator<[Step]> = zip(
    Generator<Int>.int(in: 0...29), Generator<Int>.int(in: 0...7), Generator<Int>.int(in: 0...999)
  ).array(count: 0...120).map { $0.map { (kind: $0, node: $1, amount: $2) } }

  private static let fleet = nodes(8)
  /// Some fail together, some alone.
  private static let domains: [String?] = ["a", "b", "c", nil]
  /// Some are in real time, and judged sooner.
  private static let punctualities: [HeartbeatPunctuality] = [.realTime, .ordinary]

  /// Turns steps into inputs that are likely enough to mean something.
  private struct Run {
    var script = TrackerScript {
      $0.maximumNodes = 7
      var silence = NodeTracker.SilenceRules()
      silence.lossCeiling = 12
      $0.ordinary = NodeTracker.Pace(heartbeatInterval: .milliseconds(200), silence: silence)
      // That heartbeats come rarely has a test of its own.
      $0.vitals.rarePercent = 100_000
    }
    var incarnations = [UInt64](repeating: 1, count: 8)
    var sequences = [UInt64](repeating: 0, count: 8)

    /// What happens, and how much time passes before. A control plane that `sleeps` is not woken.
    mutating func input(
      _ step: Step
    ) -> (pass: Duration, sleeps: Bool, inputs: [NodeTracker.Input]) {
      let node = fleet[step.node]
      let incarnation = Incarnation(incarnations[step.node])
      switch step.kind {
      case 0...8:
        // Some do not hear the control plane.
        let heardAgo = Duration.milliseconds(step.amount % 4 == 0 ? 401 + step.amount : 400)
        let pass = Duration.milliseconds(step.amount % 60)
        return (pass, false, [beat(step.node, after: pass, cpu: 0, heardAgo: heardAgo)])
      case 9...11:
        // All that are up beat.
        let pass = Duration.milliseconds(50 + step.amount % 100)
        let beats = fleet.indices.filter { ($0 + step.amount) % 5 != 0 }.map {
          beat($0, after: pass, cpu: 0)
        }
        return (pass, false, beats)
      case 12:
        return (.zero, false, [beat(step.node, after: .zero, cpu: step.amount < 500 ? 99 : 90)])
      case 13...16: return (.zero, false, [register(step)])
      case 17:
        incarnations[step.node] += 1
        sequences[step.node] = 0
        return (.zero, false, [register(step)])
      case 18:
        return (.zero, false, [.registered(registration(node, incarnation: 0))])
      case 19, 20:
        let evidence = DeathEvidence.allCases[step.amount % 3]
        let of = step.amount % 7 == 0 ? Incarnation(incarnation.number - 1) : incarnation
        return (.zero, false, [.deathWitnessed(node, of, evidence)])
      case 21:
        return (
          .zero, false,
          [
            [
              .cordonRequested(node), .uncordonRequested(node), .drainRequested(node),
              .drainCompleted(node),
            ][step.amount % 4]
          ]
        )
      case 22...24: return (.zero, false, [.adopted(node)])
      case 25: return (.zero, false, [.forgetRequested(node)])
      case 26:
        return (
          .zero, false,
          [
            .expected(
              registration(
                node, incarnation: incarnation.number, domain: domains[step.node % 4],
                punctuality: punctualities[step.node % 2]))
          ]
        )
      case 27: return (.milliseconds(step.amount), true, [.deadlineReached])
      case 28: return (.milliseconds(step.amount * 3), false, [.deadlineReached])
      case _: return (.milliseconds(step.amount), false, [])
      }
    }

    /// One that is read at once, or lies for up to half an interval.
    ///
    /// - Parameter pass: until it is read.
    private mutating func beat(
      _ index: Int, after pass: Duration, cpu: Double, heardAgo: Duration = .zero
    ) -> NodeTracker.Input {
      sequences[index] += 1
      let lay = TrackerScript.interval * Int(sequences[index] % 3) / 4
      return .heartbeatReceived(
        heartbeat(
          fleet[index], incarnation: incarnations[index], sequence: sequences[index],
          heardAgo: heardAgo, cpu: cpu),
        at: script.now.monotonic + (pass - lay))
    }

    private func register(_ step: Step) -> NodeTracker.Input {
      .registered(
        registration(
          fleet[step.node], incarnation: incarnations[step.node],
          zone: step.amount % 3 == 0 ? "elsewhere" : "default",
          domain: domains[(step.node + (step.amount % 11 == 0 ? 1 : 0)) % 4],
          cores: step.amount % 13 == 0 ? 8 : 4,
          punctuality: punctualities[(step.node + (step.amount % 17 == 0 ? 1 : 0)) % 2]))
    }

    /// Carries a step out, and says what was ordered.
    mutating func carryOut(_ step: Step) -> [NodeTracker.Directive] {
      let (pass, sleeps, inputs) = input(step)
      var all: [NodeTracker.Directive] = []
      if sleeps {
        script.sleep(pass)
      } else {
        all += script.directives(during: pass).map(\.directive)
      }
      for input in inputs { all += script.handle(input) }
      return all
    }
  }

  private struct Difference: Error {
    let step: Int
    let what: String
  }

  // Feature: wasmatrix, Property 1: For any edge node that starts up, the Control_Plane should register
  // the node, begin health monitoring, and maintain accurate real-time inventory of the node's
  // capabilities and status.
  @Test func `the inventory is that of a naive model, whatever happens`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 1: an accurate inventory in real time", cases: 600, Self.steps
    ) { steps in
      var run = Run()
      var model = NaiveTracker(configuration: run.script.tracker.configuration)
      for (number, step) in steps.enumerated() {
        let start = run.script.now.monotonic
        let (pass, sleeps, inputs) = run.input(step)
        if sleeps {
          let deadline = run.script.tracker.nextDeadline
          run.script.sleep(pass)
          let now = run.script.now.monotonic
          // Whether the loop was late depends on when it wanted to be woken.
          if let deadline, deadline + TrackerScript.interval < now {
            model.listeningSince = now
            model.wake(now)
          }
        } else {
          run.script.advance(pass)
          model.advance(from: start, to: run.script.now.monotonic)
        }
        for input in inputs {
          run.script.tell(input)
          model.take(input, run.script.now.monotonic)
        }
        try Self.compare(run.script, model, number)
      }
      return true
    }
  }

  private static func compare(
    _ script: TrackerScript, _ model: NaiveTracker, _ step: Int
  ) throws {
    let tracker = script.tracker
    let inventory = tracker.inventory(at: script.now)
    guard inventory.map(\.id) == model.members.keys.sorted() else {
      throw Difference(step: step, what: "other nodes")
    }
    for node in inventory {
      guard let member = model.members[node.id], let tracked = tracker.nodes[node.id] else {
        continue
      }
      guard tracked.state == member.state else {
        throw Difference(step: step, what: "\(node.id) is \(tracked.state), not \(member.state)")
      }
      let heard = script.now.wall + (member.heardAt - script.now.monotonic)
      let expected = Node(
        id: node.id, location: member.registration.location,
        capabilities: member.registration.capabilities, healthStatus: member.state.health,
        currentLoad: member.load, lastHeartbeat: heard)
      guard node == expected, tracked.scheduling == member.scheduling else {
        throw Difference(step: step, what: "\(node) instead of \(expected)")
      }
    }
    for state in NodeState.allCases
    where tracker.tally.nodes(state) != model.members.values.count(where: { $0.state == state }) {
      throw Difference(step: step, what: "not as many are \(state) as are counted")
    }
    guard (tracker.massSilence != nil) == model.isHolding else {
      throw Difference(step: step, what: "mass silence is \(!model.isHolding)")
    }
    guard tracker.isHoldingBack == model.isHoldingBack else {
      throw Difference(step: step, what: "that some are held back is \(!model.isHoldingBack)")
    }
  }

  // Feature: wasmatrix, Property 2: For any node that fails to respond to heartbeat checks, the
  // Control_Plane should mark it as unavailable, redistribute workloads to healthy nodes within 100ms,
  // and re-register it when it recovers.
  @Test func `a silent node is lost between floor and ceiling, and comes back; no other is`()
    async throws
  {
    let gaps = Generator<Int>.int(in: 1...1999).array(count: 0...80)
    try await checkProperty(
      "Feature: wasmatrix, Property 2: lost within the ceiling, adopted when it is heard",
      cases: 300,
      zip(gaps, Generator<Int>.int(in: 10...1000), Generator<Int>.int(in: 0...3000))
    ) { gaps, interval, outage in
      let silent = nodes(1)[0]
      let others = Array(nodes(4).dropFirst())
      var script = TrackerScript { $0.heartbeatInterval = .milliseconds(interval) }
      // Gaps in thousandths of an interval, all of them below the floor of two.
      func pass(_ gap: Int) -> Duration { .microseconds(interval * gap) }
      for node in nodes(4) { script.register(node) }
      for gap in gaps {
        guard script.advance(pass(gap)).isEmpty else { return false }
        for node in nodes(4) {
          guard
            script.beat(node).allSatisfy({
              $0.hasSuffix("(beatsRarely)")
                || $0.hasSuffix("(relieved)")
            })
          else { return false }
        }
      }
      let start = script.now.monotonic
      var lostAt: MonotonicInstant?
      for _ in 0..<12 {
        for (at, directive) in script.directives(during: .milliseconds(interval)) {
          switch directive {
          case .stateChanged(let node, _, _, _): guard node == silent else { return false }
          case .moveWork(let node, let evidence):
            guard node == silent, evidence == .silence, lostAt == nil else { return false }
            lostAt = at
          case .adopt, .scheduleChanged, .drain, .refuse, .raiseAlarm, .clearAlarm,
            .intervalChanged:
            return false
          }
        }
        for node in others { script.beat(node) }
      }
      guard let lostAt, script.state(silent) == .unavailable,
        lostAt - start >= .milliseconds(interval * 6),
        lostAt - start <= .milliseconds(interval * 10)
      else { return false }
      for _ in 0..<(outage / interval) {
        guard script.live(others, for: 1).allSatisfy({ !$0.contains("n1") }) else { return false }
      }
      return script.beat(silent) == ["n1: unavailable -> recovered (heardAgain)", "adopt n1"]
        && script.tell(.adopted(silent)).first?.hasPrefix("n1: recovered -> ") == true
    }
  }

  // Feature: wasmatrix, Property 16: For any module registration, deployment, or state change, the
  // Control_Plane should maintain consistent registries of modules and their locations, update metadata
  // within 100ms, and provide seamless API integration with Wasm module capabilities.
  @Test func `what a node says of itself is in the inventory at once, and said when it changed`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 16: metadata is in the registry at once", cases: 300, Self.steps
    ) { steps in
      var run = Run()
      for step in steps {
        let (pass, _, inputs) = run.input(step)
        run.script.advance(pass)
        for input in inputs {
          let before = run.script.tracker.nodes
          let directives = run.script.handle(input)
          let after = run.script.tracker.nodes
          for node in Self.fleet {
            guard let old = before[node], let new = after[node] else { continue }
            let hasChanged =
              old.registration.location != new.registration.location
              || old.registration.capabilities != new.registration.capabilities
              || old.scheduling != new.scheduling || old.isDrained != new.isDrained
            guard directives.count(where: { $0 == .scheduleChanged(node) }) == (hasChanged ? 1 : 0)
            else { return false }
          }
          guard case .registered(let registration) = input else { continue }
          let isRefused = directives.contains { directive in
            if case .refuse = directive { return true }
            return false
          }
          let entry = run.script.tracker.inventory(at: run.script.now).first {
            $0.id == registration.node
          }
          let isThere =
            entry?.location == registration.location
            && entry?.capabilities == registration.capabilities
            && entry?.lastHeartbeat == run.script.now.wall
          guard isRefused || isThere else { return false }
        }
      }
      return true
    }
  }

  // Feature: wasmatrix, Property 18: For any lifecycle state change, the Control_Plane should track and
  // report changes in real-time, log detailed failure and recovery information, and maintain accurate
  // system state.
  @Test func `every change of state is reported once, and each follows from the last`() async throws
  {
    var seen: Set<NodeTransition> = []
    try await checkProperty(
      "Feature: wasmatrix, Property 18: changes are reported without gaps", cases: 600, seed: 18,
      Self.steps
    ) { steps in
      var run = Run()
      var reported: [NodeID: NodeState] = [:]
      var losses = 0
      for step in steps {
        for directive in run.carryOut(step) {
          switch directive {
          case .stateChanged(let node, let from, let to, _):
            guard reported[node] == from, from != to else { return false }
            reported[node] = to
            if to == .unavailable { losses += 1 }
            seen.insert(NodeTransition(from, to))
          case .moveWork(let node, _):
            // The work of a node that counts is never moved.
            guard reported[node] == .unavailable else { return false }
          case .adopt, .scheduleChanged, .drain, .refuse, .raiseAlarm, .clearAlarm,
            .intervalChanged:
            break
          }
        }
        let tracked = run.script.tracker.nodes.mapValues(\.state)
        for node in reported.keys where tracked[node] == nil {
          // It was forgotten; what it was last is not of interest.
          guard reported[node] == .unavailable else { return false }
          reported[node] = nil
        }
        let tally = run.script.tracker.tally
        let counted = LossEvidence.allCases.reduce(0) { $0 + tally.losses($1) }
        guard reported == tracked, counted == losses else { return false }
      }
      return true
    }
    #expect(seen == Set(NodeTracker.transitions), "the drawn transitions are those that occur")
  }

  // Feature: wasmatrix, Property 18: For any lifecycle state change, the Control_Plane should track and
  // report changes in real-time, log detailed failure and recovery information, and maintain accurate
  // system state.
  @Test func `whoever waits for a time has an alarm that is not later`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 18: nothing is overlooked", cases: 300, Self.steps
    ) { steps in
      var run = Run()
      for step in steps {
        _ = run.carryOut(step)
        let tracker = run.script.tracker
        for node in tracker.allNodes {
          guard let deadline = tracker.deadline(of: node) else { continue }
          guard let at = node.alarmAt, let next = tracker.nextDeadline, next <= at else {
            return false
          }
          // Whoever is held, or held back, is overdue, and is looked at again within four intervals.
          let isHeld =
            deadline <= run.script.now.monotonic
            && (tracker.massSilence != nil
              || tracker.heldBackUntil(node, run.script.now) != nil)
          let latest = isHeld ? run.script.now.monotonic + TrackerScript.interval * 4 : deadline
          guard at <= latest else { return false }
        }
      }
      return true
    }
  }
}
