public import ClusterModel
public import HostPorts
import SwiftProtobuf
import WireMessages

// Whoever calls the agent's own service is looked at by the control plane.
extension RemoteControlPlane: AgentCallers {
  public func holder(
    of caller: AgentCaller, needing role: Role, for subject: String, at node: NodeID
  ) async throws(Problem) -> TokenHolder {
    let answer = try await borrow().ask {
      $0.caller = WireCallerCheck(caller, role, subject)
    }
    guard case .caller(let wire)? = answer.answer else { throw Self.unexpected }
    return try Self.read { () throws(WireFault) in
      TokenHolder(
        name: try TokenName(wire: wire.name), role: try named(wire.role, Role.self))
    }
  }

  public func orderByHand(
    _ module: QualifiedName, version: ModuleVersion?, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) -> PlacementOrder {
    let answer = try await borrow().ask {
      $0.hand = .with {
        $0.caller = WireCallerCheck(caller, .deployer, "StartModule")
        $0.module = WireQualifiedName(module)
        $0.startVersion = version?.text ?? ""
      }
    }
    guard case .heldByHand(let wire)? = answer.answer else { throw Self.unexpected }
    return try Self.read { () throws(WireFault) in try wire.order() }
  }

  public func releaseByHand(
    _ module: QualifiedName, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) {
    let answer = try await borrow().ask {
      $0.hand = .with {
        $0.caller = WireCallerCheck(caller, .deployer, "StopModule")
        $0.module = WireQualifiedName(module)
        $0.stop = WireEmpty()
      }
    }
    guard case .done? = answer.answer else { throw Self.unexpected }
  }
}

extension WireCallerCheck {
  fileprivate init(_ caller: AgentCaller, _ role: Role, _ subject: String) {
    self.init()
    token = caller.token
    address = caller.address
    self.role = role.rawValue
    self.subject = subject
  }
}
