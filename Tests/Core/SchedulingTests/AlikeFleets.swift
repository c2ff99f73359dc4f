import ClusterModel
import PropertyTesting

@testable import Scheduling

/// Fleets of few kinds of nodes that do nothing, so that nearly all tie: what is known of 16 and 256 of
/// them at once decides, and the smallest names win.
extension Fleets {
  /// As many as fill blocks and groups exactly, one more or less, and others.
  private static let sizes = [15, 16, 17, 48, 255, 256, 257, 272, 300]

  private static let alikeWeights: [PlacementWeights] = [
    .standard,
    try? PlacementWeights(latency: 0, distance: 0, resources: 1, dataLocality: 0, faultDomain: 1),
    try? PlacementWeights(latency: 0, distance: 0, resources: 0, dataLocality: 1, faultDomain: 0),
  ].compactMap { $0 }

  static let alikeHistory = Generator<History> { choices in
    let count = Generator.element(of: sizes).generate(&choices)
    return alikeHistory(of: shuffled(ids, count, &choices), changes: 30, &choices)
  }

  /// More than 4096.
  static let hugeIDs = (0..<4097).map { NodeID(unchecked: "n\($0)") }

  static let hugeAlikeHistory = Generator<History> { choices in
    alikeHistory(of: shuffled(hugeIDs, hugeIDs.count, &choices), changes: 4, &choices)
  }

  /// Names in another order than rows.
  private static func shuffled(_ ids: [NodeID], _ count: Int, _ choices: inout Choices) -> [NodeID]
  {
    var ids = Array(ids.prefix(count))
    let step = [1, 7, 89, 103][Int(choices.next(upTo: 3))]
    // No size is a multiple of these, so that all occur.
    ids = ids.indices.map { ids[$0 * step % ids.count] }
    return ids
  }

  private static func alikeHistory(
    of ids: [NodeID], changes: Int, _ choices: inout Choices
  ) -> History {
    let kinds = Generator { kind(&$0) }.array(count: 1...3).generate(&choices)
    // Runs of one kind, and kinds in turn.
    let run = [1, 16, 40, 256][Int(choices.next(upTo: 3))]
    var steps = ids.enumerated().map { index, id in
      var node = kinds[index / run % kinds.count]
      node.id = id
      return Step.put(node)
    }
    for _ in 0..<choices.next(upTo: UInt64(changes)) {
      steps.append(change(of: ids, kinds, &choices))
    }
    steps.append(decision(among: ids, &choices))
    return History(
      rules: Generator { alikeRules(&$0) }.array(count: 1...2).generate(&choices), steps: steps)
  }

  private static func kind(_ choices: inout Choices) -> NodeProfile {
    guard
      let capabilities = try? NodeCapabilities(
        architectures: choices.next(upTo: 4) == 4 ? [.portable] : [.x86_64, .portable],
        memory: .mebibytes(256 << Int(choices.next(upTo: 1))), cpuCores: 1,
        faultDomain: [nil, nil, FaultDomain(unchecked: "a"), FaultDomain(unchecked: "b")][
          Int(choices.next(upTo: 3))])
    else { preconditionFailure("what is generated is valid") }
    return NodeProfile(
      id: ids[0], location: NodeLocation(zone: zones[Int(choices.next(upTo: 1))]),
      capabilities: capabilities)
  }

  private static func alikeRules(_ choices: inout Choices) -> PlacementRules {
    PlacementRules(
      origin: choices.next(upTo: 1) == 0 ? nil : NodeLocation(zone: zones[0]),
      dataZones: choices.next(upTo: 2) == 0 ? [zones[1]] : [],
      weights: Generator.element(of: alikeWeights).generate(&choices))
  }

  /// Nodes become different one by one, and the same again; some of them often.
  private static func change(
    of ids: [NodeID], _ kinds: [NodeProfile], _ choices: inout Choices
  ) -> Step {
    let id = some(ids, &choices)
    switch choices.next(upTo: 15) {
    case 0:
      var node = kinds[Int(choices.next(upTo: UInt64(kinds.count - 1)))]
      node.id = id
      return .put(node)
    case 1: return .remove(id)
    case 2: return .availability(id, choices.next(upTo: 1) == 0 ? .cordoned : .available)
    case 3: return .breaker(id, choices.next(upTo: 1) == 0)
    case 4, 5:
      let load = try? NodeLoad(
        cpuPercent: Double(choices.next(upTo: 5)), memoryPercent: 0, activeModules: 0)
      return .load(id, load ?? .idle)
    case 6: return .reserve(id, .mebibytes(Int(choices.next(upTo: 2)) * 32))
    case 7: return .release(id, .mebibytes(Int(choices.next(upTo: 2)) * 32))
    case 8:
      return .latency(id, zones[0], choices.next(upTo: 1) == 0 ? nil : .milliseconds(1))
    case 9, 10:
      return .batch(
        0, Generator { alikeRequest(among: ids, &$0) }.array(count: 0...4).generate(&choices))
    case _: return decision(among: ids, &choices)
    }
  }

  private static func decision(among ids: [NodeID], _ choices: inout Choices) -> Step {
    .decide(Int(choices.next(upTo: 1)), alikeRequest(among: ids, &choices))
  }

  private static func alikeRequest(
    among ids: [NodeID], _ choices: inout Choices
  ) -> PlacementRequest {
    let nodes = Generator { some(ids, &$0) }.array(count: 0...3)
    return PlacementRequest(
      name: QualifiedName(.default, ModuleName(unchecked: "m")), rules: alikeRules(&choices),
      memory: .mebibytes(Int(choices.next(upTo: 2)) * 32),
      replicas: Int(choices.next(upTo: choices.next(upTo: 9) == 9 ? 30 : 3)),
      fallbacks: Int(choices.next(upTo: 2)), excluded: nodes.generate(&choices),
      companions: nodes.generate(&choices), holders: nodes.generate(&choices))
  }

  /// Half of the time one of those with the smallest names, as they are chosen.
  private static func some(_ ids: [NodeID], _ choices: inout Choices) -> NodeID {
    if choices.next(upTo: 1) == 0 { return ids[Int(choices.next(upTo: UInt64(ids.count - 1)))] }
    return Generator.element(of: smallest).generate(&choices)
  }

  /// In the order of texts.
  private static let smallest = ["n0", "n1", "n10", "n100", "n102", "n103", "n105", "n106"]
    .map { NodeID(unchecked: $0) }
}
