import ClusterModel
import EventPatterns

/// Who is to get an event, found by looking at every trigger of every deployment.
struct Recipients {
  /// Whoever wants it in any case.
  private var alone: Set<ModuleName> = []
  /// Of each group those who could be the one.
  private var groups: [GroupName: Set<ModuleName>] = [:]
  private var ready: Set<ModuleName> = []
  private var keys: [ModuleName: OrderKey] = [:]
  /// Whether a pattern let it pass by.
  private var isFiltered = false

  init(of event: Event, data: JSONValue?, among deployed: [RoutedDeployment]) {
    for deployment in deployed {
      let name = deployment.name.name
      if deployment.isReady { ready.insert(name) }
      var shared: [GroupName] = []
      var isAlone = false
      for trigger in deployment.configuration.triggers where trigger.topic.matches(event.topic) {
        guard trigger.pattern?.matches(event, data: data) ?? true else {
          isFiltered = true
          continue
        }
        if let group = trigger.group { shared.append(group) } else { isAlone = true }
        if keys[name] == nil { keys[name] = Self.key(trigger, event, data) }
      }
      if isAlone {
        alone.insert(name)
      } else {
        for group in shared { groups[group, default: []].insert(name) }
      }
    }
  }

  /// By the fields that the workload orders by.
  private static func key(_ trigger: Trigger, _ event: Event, _ data: JSONValue?) -> OrderKey? {
    switch trigger.orderBy?.text {
    case "subject": return event.subject.map { OrderKey($0) }
    case "data.site":
      guard case .object(let members)? = data, case .string(let site)? = members["site"] else {
        return nil
      }
      return OrderKey(site)
    case _: return nil
    }
  }

  /// How many get it. No module of the workload is in two groups.
  var count: Int { alone.count + groups.count }

  /// Whoever could be among them.
  var everybody: Set<ModuleName> {
    groups.values.reduce(into: alone) { $0.formUnion($1) }
  }

  func count(in coverage: inout Coverage) {
    if isFiltered { coverage.count(.deliveryFilteredOut) }
    if groups.values.contains(where: { $0.count > 1 }) { coverage.count(.deliveryShared) }
    if !keys.isEmpty { coverage.count(.deliveryOrdered) }
  }

  /// What is wrong with whom it goes to.
  func wrongs(in accepted: AcceptedEvent) -> [String] {
    var wrongs: [String] = []
    let targets = Set(accepted.targets)
    if targets.count != accepted.targets.count { wrongs.append("goes to somebody twice") }
    for module in alone.subtracting(targets).sorted() { wrongs.append("does not go to \(module)") }
    let members = groups.values.reduce(into: Set<ModuleName>()) { $0.formUnion($1) }
    for module in targets.subtracting(alone).subtracting(members).sorted() {
      wrongs.append("goes to \(module), which does not want it")
    }
    for (group, members) in groups {
      let chosen = members.intersection(targets)
      if chosen.count != 1 { wrongs.append("goes to \(chosen.count) of group \(group)") }
      if !members.isDisjoint(with: ready), ready.isDisjoint(with: chosen) {
        wrongs.append("goes to one of group \(group) that is not ready")
      }
    }
    for module in targets.sorted() where accepted.orderKeys[module] != keys[module] {
      wrongs.append("has another key for \(module)")
    }
    return wrongs
  }
}
