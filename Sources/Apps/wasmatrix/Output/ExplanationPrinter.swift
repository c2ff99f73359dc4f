import ClusterModel
import Scheduling

/// Why something runs where it does, as a table.
enum ExplanationPrinter {
  static func print(_ explanation: PlacementExplanation) {
    let decision = explanation.decision
    let chosen = decision.selectedNodes.map(\.text).joined(separator: ", ")
    let fallbacks = decision.fallbackNodes.map(\.text).joined(separator: ", ")
    var heading = "\(decision.module): "
    heading += chosen.isEmpty ? "no node can run it" : "on \(chosen)"
    if !fallbacks.isEmpty { heading += ", then \(fallbacks)" }
    StandardOutput.write(Terminal.harmless(heading) + "\n")
    var table = TextTable(.text("NODE"), .text("REASON"))
    for verdict in explanation.verdicts { table.add("\(verdict.node)", verdict.reason) }
    StandardOutput.write(table.text)
  }
}
