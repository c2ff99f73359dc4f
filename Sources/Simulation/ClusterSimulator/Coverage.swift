import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeAgentLogic
import NodeTracking

/// How often everything occurred: inputs, directives, changes of state, faults.
public struct Coverage: Sendable {
  private var counts = [Int](repeating: 0, count: CoveragePoint.allCases.count)
  private var transitions: [String: Int] = [:]
  private static let index: [CoveragePoint: Int] = Dictionary(
    uniqueKeysWithValues: CoveragePoint.allCases.enumerated().map { ($1, $0) })

  public init() {}

  mutating func count(_ point: CoveragePoint) {
    if let index = Self.index[point] { counts[index] += 1 }
  }

  public mutating func add(_ other: Coverage) {
    for index in counts.indices { counts[index] += other.counts[index] }
    transitions.merge(other.transitions, uniquingKeysWith: +)
  }

  /// Every kind with its count, sorted by name.
  public var table: [(name: String, count: Int)] {
    let points = CoveragePoint.allCases.enumerated().map { (name: $1.rawValue, count: counts[$0]) }
    let changes = Self.possibleTransitions.map { (name: $0, count: transitions[$0] ?? 0) }
    return (points + changes).sorted { $0.name < $1.name }
  }

  /// What never occurred.
  public var missing: [String] { table.filter { $0.count == 0 }.map(\.name) }

  mutating func countTransition(_ from: NodeState?, _ to: NodeState) {
    transitions[Self.name(from, to), default: 0] += 1
  }

  private static func name(_ from: NodeState?, _ to: NodeState) -> String {
    "node.\(from?.rawValue ?? "new")-\(to.rawValue)"
  }

  /// The transitions that `NodeTracker` draws.
  private static let possibleTransitions: [String] = NodeTracker.transitions.map {
    name($0.from, $0.to)
  }
}
