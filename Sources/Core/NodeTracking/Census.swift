import ClusterModel

/// Counts who is silent, and in how many fault domains: kept up to date with each change, as
/// counting anew for each silent node would take as many looks as there are nodes, squared.
struct Census: Hashable, Sendable {
  enum Standing: Hashable, Sendable {
    case heard
    /// Suspected, or lost to silence a moment ago.
    case silent
    /// Not part of the fleet any more.
    case gone
  }

  /// What fails together; a node that names nothing fails alone.
  enum Domain: Hashable, Sendable {
    case named(FaultDomain)
    case alone(NodeID)
  }

  struct Entry: Hashable, Sendable {
    let standing: Standing
    let domain: Domain
    let punctuality: HeartbeatPunctuality
  }

  private(set) var members = 0
  private(set) var silent = 0
  private var silentByDomain: [Domain: Int] = [:]

  var silentDomains: Int { silentByDomain.count }

  mutating func add(_ entry: Entry) { count(entry, 1) }

  mutating func remove(_ entry: Entry) { count(entry, -1) }

  private mutating func count(_ entry: Entry, _ step: Int) {
    switch entry.standing {
    case .heard: members += step
    case .silent:
      members += step
      silent += step
      let inDomain = (silentByDomain[entry.domain] ?? 0) + step
      silentByDomain[entry.domain] = inDomain > 0 ? inDomain : nil
    case .gone: break
    }
  }
}
