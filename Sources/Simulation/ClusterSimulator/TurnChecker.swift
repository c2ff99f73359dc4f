import ClusterModel
import ControlPlaneLogic
import ModuleCatalog

/// Watches that whoever is owed a single delivery, and could run it, is not kept waiting: all others get at most
/// one turn each before. That is counted in turns, which no slow guest, node or disk makes more of.
struct TurnChecker {
  private struct Watch {
    let module: QualifiedName
    let routes: [Route]
    /// Turns of others that there may be.
    let bound: Int
    var turns = 0
  }

  private var watches: [DeliveryID: Watch] = [:]

  /// The logic is about to hear of some deliveries. Watched are those of modules that are owed nothing else and
  /// serve somewhere.
  mutating func watch(_ ids: [DeliveryID], _ owedTo: [ModuleName: Int], _ world: World) {
    guard let plane = world.plane else { return }
    for id in ids {
      guard let delivery = world.log.pending[id], owedTo[delivery.module] == 1 else { continue }
      let module = QualifiedName(delivery.namespace, delivery.module)
      let routes = plane.routes(of: module)
      guard !routes.isEmpty, plane.catalog.placed[module]?.state == .ready else { continue }
      watches[id] = Watch(module: module, routes: routes, bound: plane.catalog.placed.count - 1)
    }
  }

  mutating func decided(_ directives: [ControlPlaneLogic.Directive], _ world: World) {
    guard !watches.isEmpty else { return }
    // Whoever does not serve any more where it did, waits for other reasons, in the step that ended that, too.
    watches = watches.filter { _, watch in
      world.plane?.routes(of: watch.module) == watch.routes
        && world.plane?.catalog.placed[watch.module]?.state == .ready
    }
    for case .activate(let id, _, _, _) in directives {
      if let served = watches.removeValue(forKey: id), served.turns > 0 {
        world.coverage.count(.deliveryQuietAmidOthers)
      }
      for id in watches.keys.sorted() {
        guard var watch = watches[id] else { continue }
        watch.turns += 1
        watches[id] = watch
        if watch.turns > watch.bound {
          world.checker.fail("\(watch.module) waits for \(watch.turns) turns of others", world)
        }
      }
    }
  }
}
