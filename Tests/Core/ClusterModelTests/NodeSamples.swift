import ClusterModel
import PropertyTesting

/// Random values of the document's data models; all of them valid.
enum NodeSamples {
  static func name(_ prefix: String) -> Generator<String> {
    Generator<Int>.int(in: 0...9999).map { "\(prefix)-\($0)" }
  }

  static let wall = Generator<Int64>.int(in: 0...4_000_000_000_000_000).map {
    WallInstant(microseconds: $0)
  }

  static let share = Generator<Int>.int(in: 0...1000).map { Double($0) / 10 }

  static let location = Generator<NodeLocation> { choices in
    let latitude = Generator<Int>.int(in: -900...900).generate(&choices)
    let longitude = Generator<Int>.int(in: -1800...1800).generate(&choices)
    let place = try? Coordinates(
      latitude: Double(latitude) / 10, longitude: Double(longitude) / 10)
    let zone = Zone(unchecked: name("zone").generate(&choices))
    return NodeLocation(zone: zone, coordinates: choices.next(upTo: 3) == 0 ? nil : place)
  }

  static let capabilities = Generator<NodeCapabilities> { choices in
    let all = Architecture.allCases
    let first = Int(choices.next(upTo: 3))
    guard
      let capabilities = try? NodeCapabilities(
        architectures: Array(all[first...]),
        cpuFeatures: name("f").array(count: 0...5).generate(&choices),
        memory: ByteCount(bytes: Int(choices.next(upTo: 1 << 40))),
        cpuCores: 1 + Int(choices.next(upTo: 63)),
        specializedHardware: name("hw").array(count: 0...3).generate(&choices),
        labels: choices.next(upTo: 1) == 0 ? [] : [try Label("tier", "edge")],
        faultDomain: choices.next(upTo: 1) == 0 ? nil : FaultDomain(unchecked: "hall"))
    else { preconditionFailure("it is valid") }
    return capabilities
  }

  static let load = zip(share, share, Generator<Int>.int(in: 0...100)).map { cpu, memory, modules in
    (try? NodeLoad(cpuPercent: cpu, memoryPercent: memory, activeModules: modules)) ?? .idle
  }

  static let node = Generator<Node> { choices in
    Node(
      id: NodeID(unchecked: name("node").generate(&choices)),
      location: location.generate(&choices), capabilities: capabilities.generate(&choices),
      healthStatus: Generator.element(of: HealthStatus.allCases).generate(&choices),
      currentLoad: load.generate(&choices), lastHeartbeat: wall.generate(&choices))
  }

  static let rules = Generator<PlacementRules> { choices in
    PlacementRules(
      replicas: Int(choices.next(upTo: 1000)), fallbacks: Int(choices.next(upTo: 16)),
      architectures: choices.next(upTo: 1) == 0 ? [] : [.aarch64, .portable],
      cpuFeatures: name("f").array(count: 0...3).generate(&choices),
      memory: choices.next(upTo: 1) == 0 ? nil : .mebibytes(3),
      origin: choices.next(upTo: 1) == 0 ? nil : location.generate(&choices),
      maximumLatency: choices.next(upTo: 1) == 0 ? nil : .microseconds(1500),
      isolation: Generator.element(of: IsolationPolicy.allCases).generate(&choices))
  }

  static let deployment = Generator<Deployment> { choices in
    Deployment(
      namespace: .default, application: ApplicationName(unchecked: name("app").generate(&choices)),
      name: ModuleName(unchecked: name("m").generate(&choices)),
      version: ModuleVersion(unchecked: name("1").generate(&choices)),
      digest: ModuleDigest(sha256: [UInt8](repeating: UInt8(choices.next(upTo: 255)), count: 32)),
      configuration: DeploymentConfiguration(
        triggers: [Trigger(topic: TopicFilter(unchecked: "a/#"), pattern: pattern(&choices))],
        placement: rules.generate(&choices)), generation: Int(choices.next(upTo: 1000)),
      deployedAt: wall.generate(&choices))
  }

  private static func pattern(_ choices: inout Choices) -> EventPattern? {
    let number = JSONValue.integer(Int64(choices.next(upTo: 3)))
    return try? EventPattern(
      choices.next(upTo: 1) == 0 ? .null : .object(["data": .object(["n": .array([number])])]))
  }

  static let record = zip(deployment, Generator<[UInt8]>.bytes(count: 0...20)).map {
    deployment, signature in
    ModuleVersionRecord(
      namespace: deployment.namespace, name: deployment.name, version: deployment.version,
      digest: deployment.digest, size: .kibibytes(3),
      signers: [KeyID(unchecked: String(repeating: "ab", count: 16))], signature: signature,
      pushedAt: deployment.deployedAt, pushedBy: .local)
  }

  static func json(depth: Int) -> Generator<JSONValue> {
    Generator { choices in
      switch choices.next(upTo: depth > 0 ? 6 : 4) {
      case 0: return .null
      case 1: return .bool(choices.next(upTo: 1) == 1)
      case 2: return .integer(Int64(bitPattern: choices.next(upTo: .max)))
      case 3: return .number(Double(Int64(choices.next(upTo: 1_000_000))) + 0.25)
      case 4:
        return .string(
          Generator<String>.string(of: "aä\"\\\n€😀 ", count: 0...6).generate(&choices))
      case 5: return .array(json(depth: depth - 1).array(count: 0...3).generate(&choices))
      case _:
        var members: [String: JSONValue] = [:]
        for _ in 0..<choices.next(upTo: 3) {
          members[name("k").generate(&choices)] = json(depth: depth - 1).generate(&choices)
        }
        return .object(members)
      }
    }
  }

  static let message = Generator<EventMessage> { choices in
    EventMessage(
      id: name("e").generate(&choices),
      type: Generator.element(of: EventMessage.Kind.allCases).generate(&choices),
      source: "/control-plane", target: name("node/n").generate(&choices),
      payload: ["a": json(depth: 2).generate(&choices)],
      correlationID: name("c").generate(&choices), timestamp: wall.generate(&choices),
      retryCount: Int(choices.next(upTo: 9)))
  }

  static let decision = Generator<SchedulingDecision> { choices in
    SchedulingDecision(
      namespace: .default, module: ModuleName(unchecked: "m"),
      selectedNodes: [NodeID(unchecked: name("n").generate(&choices))], fallbackNodes: [],
      decisionFactors: DecisionFactors(
        proximityScore: share.generate(&choices) / 100, resourceScore: 1),
      decisionTime: .microseconds(Int64(choices.next(upTo: 1_000_000))),
      expiresAt: wall.generate(&choices))
  }

  static let plan = Generator<NodePlan> { choices in
    let version = PlanVersion(term: choices.next(upTo: 9), counter: choices.next(upTo: 99))
    let orders = zip(record, deployment).map { record, deployment in
      PlacementOrder(deployment: deployment, record: record, role: .active, fence: version)
    }
    return NodePlan(
      node: NodeID(unchecked: "n"), incarnation: Incarnation(choices.next(upTo: .max)),
      version: version, orders: orders.array(count: 0...3).generate(&choices))
  }

  static let report = zip(plan, Generator<Int>.int(in: 0...2)).map { plan, kind in
    let problem = Problem(.unavailable, code: "no", "no", cause: "why")
    let condition = [PlacementCondition.preparing, .ready, .failed(problem)][kind]
    return NodeReport(
      node: plan.node, incarnation: plan.incarnation, sequence: 7, plan: plan.version,
      placements: plan.orders.map {
        HeldPlacement($0.deployment, role: $0.role, fence: $0.fence, condition: condition)
      })
  }
}
