import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeAgentLogic
import NodeTracking

/// A scenario names something that is not there, or says two things where one is wanted.
public struct ScenarioProblem: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
}

extension Simulation {
  /// Runs a described scenario. The checkers look at it as at any run.
  ///
  /// - Throws: ``ScenarioProblem`` when it cannot be run as it is written.
  public static func run(_ scenario: Scenario) throws(ScenarioProblem) -> Outcome {
    let world = World(try scenario.configuration(), agents: try scenario.agents())
    for line in scenario.workload {
      let action = try line.action(world.indexByNode)
      world.timeline.plan(.scripted(action), at: try time(line.atMilliseconds))
    }
    for line in scenario.faults ?? [] {
      let fault = try line.fault(world.indexByNode, world.planeTree)
      world.timeline.plan(.strikes(fault), at: try time(line.atMilliseconds))
      if let length = line.forMilliseconds {
        world.timeline.plan(
          .faultEnds(fault), at: try time(line.atMilliseconds) + (try time(length)))
      }
    }
    world.startPlane()
    for index in world.agents.indices { world.bootAgent(index) }
    for expectation in scenario.expectations.sorted(by: { $0.atMilliseconds < $1.atMilliseconds }) {
      run(world, until: try time(expectation.atMilliseconds))
      // After something went wrong, what comes later says little.
      guard world.checker.failures.isEmpty else { break }
      for problem in world.unmet(expectation) { world.checker.fail(problem, world) }
    }
    run(world, until: try time(scenario.durationMilliseconds))
    return outcome(of: world, convergence: nil, failures: world.checker.failures)
  }

  private static func time(_ milliseconds: Int) throws(ScenarioProblem) -> Int64 {
    guard (0...86_400_000).contains(milliseconds) else {
      throw ScenarioProblem(description: "\(milliseconds) ms is not within a day")
    }
    return Int64(milliseconds) * 1_000_000
  }
}

extension Scenario {
  func configuration() throws(ScenarioProblem) -> SimulationConfiguration {
    var configuration = SimulationConfiguration(seed: seed, nodes: nodes.count)
    configuration.loss = links?.loss ?? 0
    configuration.duplication = links?.duplication ?? 0
    guard (0...1).contains(configuration.loss), (0...1).contains(configuration.duplication),
      (0...60_000).contains(links?.delayMilliseconds ?? 0),
      (1...60_000).contains(heartbeatMilliseconds ?? 100)
    else {
      throw ScenarioProblem(
        description: "links: loss and duplication go from 0 to 1, the delay to 60000 ms, the "
          + "heartbeat from 1 to 60000 ms")
    }
    configuration.delay = .microseconds(Int64((links?.delayMilliseconds ?? 1) * 1000))
    configuration.heartbeatInterval = .milliseconds(heartbeatMilliseconds ?? 100)
    configuration.trouble = .milliseconds(durationMilliseconds)
    configuration.straggling = .zero
    configuration.drift = 0
    configuration.diskDelay = .milliseconds(1)
    configuration.prepareDelay = .milliseconds(20)
    configuration.prepareFailure = 0
    configuration.guestFailure = 0
    configuration.childCrashEvery = nil
    configuration.serviceStart = .milliseconds(1)
    configuration.drills = 0
    let limits = EventRouter.Limits()
    configuration.pendingDeliveries = limits.pendingDeliveries
    configuration.runningActivations = limits.running
    configuration.appendingEvents = limits.appending
    configuration.stormEvery = nil
    configuration.effectsRefusal = 0
    configuration.waitingInvocations = InvocationLimits().waiting
    configuration.standingPlanLife = StandingPlanRules.defaultLife
    configuration.backwardStart = 0
    configuration.joinDelay = nil
    return configuration
  }

  func agents() throws(ScenarioProblem) -> [SimulatedAgent] {
    guard !nodes.isEmpty, Set(nodes.map(\.name)).count == nodes.count else {
      throw ScenarioProblem(description: "nodes: at least one, and none twice")
    }
    var agents: [SimulatedAgent] = []
    for (index, line) in nodes.enumerated() {
      do throws(InvalidValue) {
        agents.append(
          SimulatedAgent(
            index: index, node: line.name,
            location: NodeLocation(zone: line.zone ?? .default, coordinates: line.coordinates),
            capabilities: try NodeCapabilities(
              architectures: line.architectures ?? [.x86_64],
              cpuFeatures: line.cpuFeatures ?? [],
              memory: ByteCount(bytes: (line.memoryMiB ?? 1024).multiplied(by: 1 << 20)),
              cpuCores: 1, specializedHardware: line.hardware ?? [],
              labels: try Scenario.labels(line.labels), faultDomain: line.faultDomain)))
      } catch {
        throw ScenarioProblem(description: "node \(line.name): \(error)")
      }
    }
    return agents
  }

  static func labels(_ labels: [String: String]?) throws(InvalidValue) -> [Label] {
    var all: [Label] = []
    for (name, value) in (labels ?? [:]).sorted(by: { $0.key < $1.key }) {
      all.append(try Label(name, value))
    }
    return all
  }
}

extension Int {
  /// As much as there is, when it is more than fits.
  fileprivate func multiplied(by factor: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
