import ClusterModel
import Foundation
import SwiftProtobuf
import Synchronization
import WireMessages

// What agents and the control plane say to each other.

extension WireNodePlan {
  /// - Parameters:
  ///   - memory: what the other end has been sent; `nil` when it remembers nothing.
  ///   - documents: what was written for others.
  init(
    _ plan: NodePlan, _ memory: inout OrderMemory?, _ documents: OrderDocuments
  ) throws(WireFault) {
    self.init()
    node = plan.node.text
    incarnation = plan.incarnation.number
    version = WirePlanVersion(plan.version)
    orders.reserveCapacity(plan.orders.count)
    for order in plan.orders {
      orders.append(try WirePlacementOrder(order, isKnown: memory?.has(order) ?? false, documents))
    }
    memory?.keep(plan)
  }

  func plan(_ memory: inout OrderMemory) throws(WireFault) -> NodePlan {
    var all: [PlacementOrder] = []
    all.reserveCapacity(orders.count)
    for order in orders { all.append(try order.order(memory)) }
    let plan = NodePlan(
      node: try NodeID(wire: node), incarnation: Incarnation(incarnation),
      version: version.version, orders: all)
    memory.keep(plan)
    return plan
  }
}

/// The orders of the plan that was sent last on a stream: what is in them need not be sent again.
struct OrderMemory: Sendable {
  private var orders: [PlacementID: PlacementOrder] = [:]

  func has(_ order: PlacementOrder) -> Bool {
    orders[order.placement]?.subject == order.subject
  }

  subscript(placement: PlacementID) -> PlacementOrder? { orders[placement] }

  mutating func keep(_ plan: NodePlan) {
    orders = Dictionary(plan.orders.map { ($0.placement, $0) }, uniquingKeysWith: { $1 })
  }
}

/// Documents of orders as they are sent: one deployment goes to many nodes.
final class OrderDocuments: Sendable {
  private struct Written {
    let subject: PlacementSubject
    let deployment: Data
    let record: Data
  }

  private let written = Mutex<[PlacementID: Written]>([:])
  /// Then they are forgotten: it is only work that is saved.
  private static let most = 10_000

  func documents(
    of order: PlacementOrder
  ) throws(WireFault) -> (deployment: Data, record: Data) {
    if let there = written.withLock({ $0[order.placement] }), there.subject == order.subject {
      return (there.deployment, there.record)
    }
    let new = Written(
      subject: order.subject, deployment: try WireJSON.encode(order.deployment),
      record: try WireJSON.encode(order.record))
    written.withLock { written in
      if written.count >= Self.most { written = [:] }
      written[order.placement] = new
    }
    return (new.deployment, new.record)
  }
}

extension WirePlacementOrder {
  init(
    _ order: PlacementOrder, isKnown: Bool = false, _ documents: OrderDocuments = OrderDocuments()
  ) throws(WireFault) {
    self.init()
    if isKnown {
      known = WirePlacementId(order.placement)
    } else {
      (deploymentJson, recordJson) = try documents.documents(of: order)
    }
    role = WirePlacementRole(order.role)
    fence = WirePlanVersion(order.fence)
  }

  func order(_ memory: OrderMemory = OrderMemory()) throws(WireFault) -> PlacementOrder {
    guard hasKnown else {
      return PlacementOrder(
        deployment: try WireJSON.decode(Deployment.self, from: deploymentJson),
        record: try WireJSON.decode(ModuleVersionRecord.self, from: recordJson),
        role: try role.role(), fence: fence.version)
    }
    guard let there = memory[try known.placement()] else {
      throw WireFault("an order refers to what was not sent")
    }
    return PlacementOrder(there.subject, role: try role.role(), fence: fence.version)
  }
}

extension WireRegistered {
  /// No agent is kept busy with beating, whatever it is told.
  fileprivate var interval: Duration? {
    hasHeartbeatIntervalNs
      ? max(Duration(wireNanoseconds: heartbeatIntervalNs), .milliseconds(1)) : nil
  }
}

extension WirePlaneFrame {
  init(
    _ message: ControlMessage, _ memory: inout OrderMemory?, _ documents: OrderDocuments
  ) throws(WireFault) {
    self.init()
    switch message {
    case .welcome(let incarnation, let interval, let term):
      registered = WireRegistered(incarnation, term)
      if let interval { registered.heartbeatIntervalNs = UInt64(wire: interval) }
    case .unknown(let incarnation, let term): unknown = WireRegistered(incarnation, term)
    case .plan(let plan): self.plan = try WireNodePlan(plan, &memory, documents)
    case .heartbeatAcknowledged(let incarnation, let sequence, let plan, let term):
      heartbeatAcknowledged = .with {
        $0.incarnation = incarnation.number
        $0.sequence = sequence
        $0.plan = WirePlanVersion(plan)
        $0.term = term
      }
    case .reportAcknowledged(let incarnation, let sequence, let term):
      reportAcknowledged = .with {
        $0.incarnation = incarnation.number
        $0.sequence = sequence
        $0.term = term
      }
    case .refused(let incarnation, let problem, let term):
      refused = .with {
        $0.incarnation = incarnation.number
        $0.problem = WireProblem(problem)
        $0.term = term
      }
    case .standing(let incarnation, let sealed, let term):
      standing = .with {
        $0.incarnation = incarnation.number
        $0.term = term
        $0.statementJson = Data(sealed.seal.statement)
        $0.authority = sealed.seal.authority.text
        $0.signature = Data(sealed.seal.signature)
      }
    }
  }

  /// `nil` for a frame that is no message for the agent's logic, or not known here.
  ///
  /// - Parameter memory: what came before on this stream.
  func message(_ memory: inout OrderMemory) throws(WireFault) -> ControlMessage? {
    switch frame {
    case .registered(let registered):
      .welcome(
        Incarnation(registered.incarnation), heartbeatInterval: registered.interval,
        term: registered.term)
    case .unknown(let registered):
      .unknown(Incarnation(registered.incarnation), term: registered.term)
    case .plan(let plan): .plan(try plan.plan(&memory))
    case .heartbeatAcknowledged(let acknowledged):
      .heartbeatAcknowledged(
        Incarnation(acknowledged.incarnation), sequence: acknowledged.sequence,
        plan: acknowledged.plan.version, term: acknowledged.term)
    case .reportAcknowledged(let acknowledged):
      .reportAcknowledged(
        Incarnation(acknowledged.incarnation), sequence: acknowledged.sequence,
        term: acknowledged.term)
    case .refused(let refused):
      .refused(
        Incarnation(refused.incarnation), refused.problem.problem, term: refused.term)
    case .standing(let standing): try standing.message()
    case .welcome, .inquiry, .echoPeers, nil: nil
    }
  }
}

extension WireStandingPlan {
  /// `nil` when what it says is not all known here, as it may be of a newer control plane: then it is not kept.
  fileprivate func message() throws(WireFault) -> ControlMessage? {
    guard let plan = try? JSONDecoder().decode(StandingPlan.self, from: statementJson) else {
      return nil
    }
    return .standing(
      Incarnation(incarnation),
      SealedPlan(
        plan,
        PlanSeal(
          statement: Array(statementJson), authority: try AuthorityFingerprint(wire: authority),
          signature: Array(signature))), term: term)
  }
}

extension WireRegistered {
  fileprivate init(_ incarnation: Incarnation, _ term: UInt64) {
    self.init()
    self.incarnation = incarnation.number
    self.term = term
  }
}

extension WireAgentFrame {
  init(_ message: AgentMessage) {
    self.init()
    switch message {
    case .attached(let registration, let report):
      attached = .with {
        $0.registration = WireNodeRegistration(registration)
        $0.report = WireNodeReport(report)
      }
    case .reported(let report): reported = WireNodeReport(report)
    case .heartbeat(let heartbeat): self.heartbeat = WireHeartbeat(heartbeat)
    case .left(let node, let incarnation):
      left = .with {
        $0.node = node.text
        $0.incarnation = incarnation.number
      }
    }
  }

  /// `nil` for a frame that is no message for the control plane's logic, or not known here.
  func message() throws(WireFault) -> AgentMessage? {
    switch frame {
    case .attached(let attached):
      .attached(try attached.registration.registration(), try attached.report.report())
    case .reported(let report): .reported(try report.report())
    case .heartbeat(let heartbeat): .heartbeat(try heartbeat.heartbeat())
    case .left(let left): .left(try NodeID(wire: left.node), Incarnation(left.incarnation))
    case .hello, .answer, .news, .roundTrip, .roundTrips, nil: nil
    }
  }
}
