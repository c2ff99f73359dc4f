import ClusterModel
import ControlAPIModel
import Supervision

/// A supervision tree for people, one line a child.
enum SupervisionTable {
  static func table(of tree: SupervisionResource) -> TextTable {
    var table = TextTable(
      .text("SERVICE"), .text("STATE"), .number("RESTARTS"), .text("SINCE"), .text("LAST END"))
    add(tree, depth: 0, to: &table)
    return table
  }

  private static func add(_ node: SupervisionResource, depth: Int, to table: inout TextTable) {
    let indent = String(repeating: "  ", count: depth)
    // A supervisor's own restarts are few; those of its children are what people look for.
    table.add(
      indent + node.name, node.state.rawValue, "\(node.restarts)", node.since?.description ?? "",
      node.lastExit ?? "")
    for child in node.children { add(child, depth: depth + 1, to: &table) }
  }
}
