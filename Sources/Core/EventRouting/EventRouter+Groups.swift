public import ClusterModel
import EventPatterns

// Modules that share events.
extension EventRouter {
  /// The modules that are to get an event, sorted, each once: all that want it, and of those that share a
  /// group one.
  public func recipients(of event: Event, data: JSONValue?) -> [ModuleName] {
    var exceeded = 0
    return recipients(of: event, data: data, exceeded: &exceeded)
  }

  /// The same.
  ///
  /// - Parameters:
  ///   - handled: these have had it already: neither they get it, nor those that share it with them.
  ///   - exceeded: grows by the triggers whose pattern would take too much work for this event.
  func recipients(
    of event: Event, data: JSONValue?, handledBy handled: Set<ModuleName> = [],
    exceeded: inout Int
  ) -> [ModuleName] {
    let wanting = table.modules(for: event, data: data, exceeded: &exceeded)
    guard !groupedTriggers.isEmpty else { return wanting.filter { !handled.contains($0) } }
    var chosen: [ModuleName] = []
    var members: [GroupName: [ModuleName]] = [:]
    for module in wanting {
      let name = QualifiedName(event.namespace, module)
      let triggers = (groupedTriggers[name] ?? []).filter { $0.wants(event, data: data) }
      // Whoever wants it in any case gets it in any case.
      guard !triggers.isEmpty, triggers.allSatisfy({ $0.group != nil }) else {
        chosen.append(module)
        continue
      }
      for group in Set(triggers.compactMap(\.group)) { members[group, default: []].append(module) }
    }
    for group in members.keys.sorted() {
      guard let candidates = members[group], !candidates.contains(where: chosen.contains),
        handled.isDisjoint(with: candidates)
      else { continue }
      if let one = leastBusy(candidates, in: event.namespace) { chosen.append(one) }
    }
    return chosen.filter { !handled.contains($0) }.sorted()
  }

  /// Those that are ready come before those that are not, then whom the least is owed to, then by name.
  private func leastBusy(_ candidates: [ModuleName], in namespace: Namespace) -> ModuleName? {
    candidates.min { left, right in
      let (first, second) = (QualifiedName(namespace, left), QualifiedName(namespace, right))
      let firstWaits = deployments[first]?.isReady == true ? 0 : 1
      let secondWaits = deployments[second]?.isReady == true ? 0 : 1
      return (firstWaits, owedTo[first] ?? 0, left) < (secondWaits, owedTo[second] ?? 0, right)
    }
  }

  /// Counts what is owed to a module, appends under way included.
  mutating func owes(_ change: Int, to module: QualifiedName) {
    let count = (owedTo[module] ?? 0) + change
    owedTo[module] = count > 0 ? count : nil
  }

  mutating func owes(_ change: Int, toTargetsOf accepted: AcceptedEvent) {
    for target in accepted.targets {
      owes(change, to: QualifiedName(accepted.event.namespace, target))
    }
  }

  /// All triggers of the modules that share a group with any of theirs.
  static func groupedTriggers(
    of deployments: some Sequence<RoutedDeployment>
  ) -> [QualifiedName: [Trigger]] {
    var found: [QualifiedName: [Trigger]] = [:]
    for deployment in deployments
    where deployment.configuration.triggers.contains(where: { $0.group != nil }) {
      found[deployment.name] = deployment.configuration.triggers
    }
    return found
  }
}
