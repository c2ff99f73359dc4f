import ClusterModel
import ControlAPIModel
import HostPorts

/// Nodes for people, one line each.
enum NodeTable {
  /// A column for what few nodes have: it is left out when none has it.
  private struct Extra: Sendable {
    let title: String
    let cell: @Sendable (NodeResource) -> String
  }

  private static let extras: [Extra] = [
    Extra(title: "REASON", cell: reason), Extra(title: "BREAKER", cell: breaker),
    Extra(title: "FAULT DOMAIN", cell: faultDomain), Extra(title: "LABELS", cell: labels),
  ]

  static func table(of nodes: [NodeResource]) -> TextTable {
    let extras = Self.extras.filter { extra in nodes.contains { !extra.cell($0).isEmpty } }
    var columns: [TextTable.Column] = [
      .text("NODE"), .text("STATE"), .text("WORK"), .text("ZONE"), .text("ARCH"),
      .text("ENGINE"), .number("WORKERS"), .number("LIVE"), .number("QUEUED"),
      .number("SLOTS"), .text("VERSION"), .text("STARTED"),
    ]
    for extra in extras { columns.append(.text(extra.title)) }
    var table = TextTable(columns)
    for node in nodes {
      var row = cells(of: node)
      for extra in extras { row.append(extra.cell(node)) }
      table.add(row)
    }
    return table
  }

  private static func cells(of node: NodeResource) -> [String] {
    [
      node.id.text, node.state.rawValue,
      node.drained == true ? "drained" : node.scheduling.rawValue, node.location.zone.text,
      node.capabilities.architectures.first?.rawValue ?? "",
      node.engine?.libraryVersion ?? "", number(node.engine?.workers),
      number(node.engine?.liveInstances), number(node.engine?.queuedActivations),
      number(node.engine?.instanceSlots), node.version ?? "", node.startedAt?.description ?? "",
    ]
  }

  private static func number(_ number: Int?) -> String { number.map(String.init) ?? "" }

  /// Why it is not healthy.
  @Sendable private static func reason(_ node: NodeResource) -> String {
    node.state == .healthy ? "" : node.reason ?? ""
  }

  /// That it is closed is nothing to say.
  @Sendable private static func breaker(_ node: NodeResource) -> String {
    switch node.breaker {
    case .open?, .halfOpen?: node.breaker?.rawValue ?? ""
    case .closed?, nil: ""
    }
  }

  @Sendable private static func faultDomain(_ node: NodeResource) -> String {
    node.capabilities.faultDomain?.text ?? ""
  }

  @Sendable private static func labels(_ node: NodeResource) -> String {
    node.capabilities.labels.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
  }
}
