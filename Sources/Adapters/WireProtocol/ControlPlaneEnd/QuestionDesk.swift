import ClusterModel
import HostPorts
import SwiftProtobuf
import WireMessages

/// Answers what an agent asks. A node speaks for itself alone: what it wants done in another's name is
/// refused.
struct QuestionDesk: Sendable {
  let plane: any ControlPlaneConnection
  let callers: any AgentCallers
  let node: NodeID

  func answer(_ question: WireQuestion) async -> WireAnswer {
    var answer = WireAnswer()
    answer.id = question.id
    do {
      answer.answer = try await result(of: question)
    } catch let fault as WireFault {
      answer.problem = WireProblem(fault.problem)
    } catch let problem as Problem {
      answer.problem = WireProblem(problem)
    } catch {
      answer.problem = WireProblem(
        Problem(.internalFault, code: "question_failed", "\(error)"))
    }
    return answer
  }

  private func result(
    of question: WireQuestion
  ) async throws -> WireAnswer.OneOf_Answer {
    switch question.question {
    case .entry(let read):
      let (bucket, namespace) = try read.bucket.names()
      let entry = try await plane.state.entry(
        try StateKey(wire: read.key), in: bucket, of: namespace)
      return .entries(WireStateEntries(entry.map { [$0] } ?? []))
    case .entries(let list):
      let (bucket, namespace) = try list.bucket.names()
      return .entries(
        WireStateEntries(
          try await plane.state.entries(
            in: bucket, of: namespace, prefix: list.prefix,
            after: list.hasAfter ? try StateKey(wire: list.after) : nil,
            limit: min(Int(list.limit), GuestCall.listRange.upperBound))))
    case .position(let id):
      let (bucket, namespace) = try id.names()
      return .position(
        try WireBucketPosition(try await plane.state.position(of: bucket, of: namespace)))
    case .changes(let follow):
      let (bucket, namespace) = try follow.bucket.names()
      return .changes(
        WireStateChanges(
          try await plane.state.changes(
            in: bucket, of: namespace, prefix: follow.prefix,
            after: follow.hasAfter ? StateRevision(follow.after) : nil,
            patience: min(Duration(wireNanoseconds: follow.patienceNs), .seconds(60)))))
    case .commit(let commit):
      let activation = try own(commit.activation)
      try await plane.commit(
        try commit.effects.effects(), of: activation, under: try commit.claim())
      return .done(WireEmpty())
    case .denial(let denial):
      let activation = try own(denial.activation)
      try await plane.record(
        try WireJSON.decode(CapabilityDenial.self, from: denial.denialJson), of: activation)
      return .done(WireEmpty())
    case .call(let call):
      var options = InvocationOptions(isIdempotent: call.isIdempotent)
      if call.hasTimeoutNs {
        options.timeout = min(
          Duration(wireNanoseconds: call.timeoutNs), InvocationOptions.timeoutRange.upperBound)
      }
      let report = try await plane.invoke(
        try call.module.qualifiedName(), with: try call.event.event(), options, from: node)
      return .report(try WireActivationReport(report, id: question.id))
    case .forward(let forward):
      let forwarded = try await plane.forward(
        try forward.events.map { wire in
          ForwardedEvent(
            try wire.event.event(),
            handledBy: Set(try wire.handledBy.map { try ModuleName(wire: $0) }))
        }, from: node)
      return .forwarded(
        .with {
          $0.count = UInt32(clamping: forwarded.count)
          if let problem = forwarded.problem { $0.problem = WireProblem(problem) }
        })
    case .trustedKeys: return .trustedKeys(try WireTrustedKeys(try await plane.trustedKeys()))
    case .caller(let check):
      let holder = try await callers.holder(
        of: AgentCaller(token: check.token, address: check.address),
        needing: try named(check.role, Role.self), for: check.subject, at: node)
      return .caller(
        .with {
          $0.name = holder.name.text
          $0.role = holder.role.rawValue
        })
    case .hand(let request): return try await result(of: request)
    case .cancel: return .done(WireEmpty())
    case nil:
      throw Problem(
        .invalidInput, code: "question_unknown", "this control plane does not know the question",
        next: "Update the control plane before its agents.")
    }
  }

  private func result(of request: WireHandRequest) async throws -> WireAnswer.OneOf_Answer {
    let module = try request.module.qualifiedName()
    let caller = AgentCaller(token: request.caller.token, address: request.caller.address)
    switch request.action {
    case .startVersion(let text):
      let version = text.isEmpty ? nil : try ModuleVersion(wire: text)
      return .heldByHand(
        try WirePlacementOrder(
          try await callers.orderByHand(module, version: version, for: caller, at: node)))
    case .stop:
      try await callers.releaseByHand(module, for: caller, at: node)
      return .done(WireEmpty())
    case nil: throw WireFault("a request by hand that is not known here")
    }
  }

  private func own(_ wire: WireActivationId) throws -> DeniedActivation {
    let activation = try wire.activation()
    guard activation.node == node else {
      throw Problem(
        .refused, code: "node_foreign", "node \(node) speaks for node \(activation.node)")
    }
    return activation
  }
}
