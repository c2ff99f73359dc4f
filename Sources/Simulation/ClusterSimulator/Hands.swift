import ClusterModel
import NodeAgentLogic

/// People with tools at nodes, who hold modules there by hand, and what they may hear.
///
/// - Each is answered once, while their agent lives.
/// - What they hear that is held is ready there; what they hear was let go has stopped.
struct Hands {
  enum Wish {
    case hold(PlacementOrder)
    case release(QualifiedName)
  }

  private struct Request {
    let index: Int
    let wish: Wish
  }

  private var waiting: [RequestID: Request] = [:]
  private var lastRequest: UInt64 = 0

  var waitingCount: Int { waiting.count }

  mutating func asks(_ wish: Wish, on index: Int) -> RequestID {
    lastRequest += 1
    let request = RequestID(lastRequest)
    waiting[request] = Request(index: index, wish: wish)
    return request
  }

  /// Nobody answers there any more.
  mutating func agentEnded(_ index: Int) {
    waiting = waiting.filter { $0.value.index != index }
  }

  /// - Returns: what of the answer is not so; nothing when all is well.
  mutating func answered(
    _ request: RequestID, _ result: Result<HeldByHand, Problem>, _ agent: SimulatedAgent
  ) -> [String] {
    guard let asked = waiting.removeValue(forKey: request), asked.index == agent.index else {
      return ["\(agent.node) answers what nobody waits for"]
    }
    guard case .success(let held) = result else { return [] }
    switch asked.wish {
    case .hold(let order):
      let isThere =
        held.placement == order.placement
        && agent.prepared[order.placement]?.deployment == order.deployment
        && (!held.isPlanned || agent.serving[order.placement] != nil)
      return isThere
        ? [] : ["\(agent.node) says that \(order.placement.name) is there, which is not so"]
    case .release(let name):
      let runs = agent.services.contains { run, service in
        run.placement.name == name && service.isByHand
      }
      return runs ? ["\(agent.node) has let go \(name), and its service runs"] : []
    }
  }
}
