import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeAgentLogic
import Supervision

// What happens, in words, for the history.
extension World {
  func describe(_ input: ControlPlaneLogic.Input) -> String {
    switch input {
    case .agentSpoke(let message): "\(message.node): \(describe(message))"
    case .heartbeatArrived(let heartbeat, _):
      "\(heartbeat.node): \(describe(.heartbeat(heartbeat)))"
    case .catalog(let input): short("\(input)")
    case .events(let input): short("\(input)")
    case .started, .persisted, .persistFailed, .nodeCommanded, .agentDied, .roundTripsMeasured,
      .activationEnded,
      .invocationRequested, .invocationEnded, .invocationWithdrawn, .standingContentChanged,
      .deadlineReached:
      short("\(input)")
    }
  }

  func describe(_ directive: ControlPlaneLogic.Directive) -> String {
    switch directive {
    case .send(let node, let message): "\(node): \(describe(message))"
    case .announce(let event): describe(event)
    case .failedOver(let failover, _): "\(failover.placements) of \(failover.node) serve again"
    case .announceChanges(let changes):
      changes.flatMap(\.messages).map(describe).joined(separator: ", ")
    case .seal(let plan, _): "seal \(plan.version) of \(plan.node)"
    case .persist, .reply, .progress, .events, .activate, .invoke, .answerInvocation,
      .endInvocation, .refuseInvocation, .abandonRuns, .hangUp, .noteLateAnswer:
      short("\(directive)")
    }
  }

  private func describe(_ event: EventMessage) -> String {
    "announce \(event.type.rawValue) \(event.target) "
      + event.payload.sorted { $0.key < $1.key }.map { "\($0.key)=\(text($0.value))" }
      .joined(separator: " ")
  }

  func describe(_ input: NodeAgentLogic.Input) -> String {
    if case .controlPlaneSpoke(let message) = input { return describe(message) }
    if case .recalled(let plan, let seen) = input {
      return "recalled \(plan.map { "\($0.version)" } ?? "nothing"), seen \(seen)"
    }
    return short("\(input)")
  }

  func describe(_ directive: NodeAgentLogic.Directive) -> String {
    if case .send(let message) = directive { return "send \(describe(message))" }
    if case .prepare(let id, let order) = directive {
      return "prepare \(id.placement.name)#\(id.placement.generation) (\(order.deployment.version))"
    }
    if case .renew(let order, let source) = directive {
      return
        "renew \(order.placement.name)#\(order.placement.generation) from #\(source.generation)"
    }
    if case .keepStanding(let sealed) = directive { return "keep \(sealed.plan.version)" }
    return short("\(directive)")
  }

  func describe(_ input: Supervisor.Input) -> String { short("\(input)") }

  func describe(_ directive: Supervisor.Directive) -> String { short("\(directive)") }

  private func describe(_ message: AgentMessage) -> String {
    switch message {
    case .attached(let registration, let report):
      "attached, start \(registration.incarnation.number), \(describe(report))"
    case .heartbeat(let heartbeat): "heartbeat \(heartbeat.sequence)"
    case .reported(let report): "report \(report.sequence), \(describe(report))"
    case .left: "left"
    }
  }

  private func describe(_ report: NodeReport) -> String {
    let held = report.placements.map { held -> String in
      let condition =
        switch held.condition {
        case .preparing: "preparing"
        case .ready: "ready"
        case .failed(let problem): "failed (\(problem.code))"
        }
      return "\(held.placement.name)#\(held.placement.generation) \(held.role.rawValue) "
        + "\(held.fence) \(condition)"
    }
    return "obeys \(report.plan) [\(held.joined(separator: "; "))]"
  }

  private func describe(_ message: ControlMessage) -> String {
    switch message {
    case .welcome(_, _, let term): "welcome, term \(term)"
    case .unknown(_, let term): "unknown, term \(term)"
    case .plan(let plan):
      "plan \(plan.version) ["
        + plan.orders.map {
          "\($0.placement.name)#\($0.placement.generation) \($0.role.rawValue) \($0.fence)"
        }.joined(separator: "; ") + "]"
    case .heartbeatAcknowledged(_, let sequence, let plan, _):
      "heartbeat \(sequence) acknowledged, plan \(plan)"
    case .reportAcknowledged(_, let sequence, _): "report \(sequence) acknowledged"
    case .refused(_, let problem, _): "refused: \(problem.message)"
    case .standing(_, let sealed, _):
      "may obey \(sealed.plan.version) alone until \(sealed.plan.expiresAt)"
    }
  }

  private func text(_ value: JSONValue) -> String {
    switch value {
    case .null: "-"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value
    case .array(let values): "\(values.count) values"
    case .object(let members): "\(members.count) members"
    }
  }

  /// The module's name is noise, and so is all beyond what fits a line.
  private func short(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(240)
    var rest = Substring(text)
    for noise in [
      "ClusterModel.", "ControlPlaneLogic.", "EventRouting.", "ModuleCatalog.", "Supervision.",
    ] {
      rest = Substring(replacing(noise, in: rest))
    }
    result = String(rest.prefix(240))
    return result
  }

  private func replacing(_ noise: String, in text: Substring) -> String {
    var result = ""
    var index = text.startIndex
    while index < text.endIndex {
      if text[index...].hasPrefix(noise) {
        index = text.index(index, offsetBy: noise.count)
      } else {
        result.append(text[index])
        index = text.index(after: index)
      }
    }
    return result
  }
}
