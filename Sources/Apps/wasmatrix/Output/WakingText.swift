import ClusterModel
import ControlAPIModel

/// What wakes a module and what it is granted, for people.
enum WakingText {
  /// In one cell: `orders/# (where, order-by data.customer, group billing)`.
  static func short(_ triggers: [TriggerResource]) -> String {
    triggers.map { trigger in
      var parts: [String] = []
      if trigger.where != nil { parts.append("where") }
      if let field = trigger.orderBy { parts.append("order-by \(field)") }
      if let group = trigger.group { parts.append("group \(group)") }
      return "\(trigger.topic)" + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
    }.joined(separator: " ")
  }

  /// In one cell: `publish, state`.
  static func short(_ grants: CapabilityGrants) -> String {
    grants.granted.map(\.rawValue).joined(separator: ", ")
  }

  /// A line for each trigger, with the whole pattern.
  static func table(_ triggers: [TriggerResource]) throws -> TextTable {
    var table = TextTable(.text("TRIGGER"), .text("ORDER BY"), .text("GROUP"), .text("WHERE"))
    for trigger in triggers {
      let pattern = try trigger.where.map {
        String(decoding: try APIJSON.encode($0), as: UTF8.self)
      }
      table.add(
        trigger.topic.text, trigger.orderBy?.text ?? "", trigger.group?.text ?? "", pattern ?? "")
    }
    return table
  }

  /// A line for each thing that it may reach.
  static func table(_ grants: CapabilityGrants) -> TextTable {
    var table = TextTable(.text("GRANT"), .text("OF"))
    for capability in grants.granted {
      for subject in subjects(capability, grants) { table.add(capability.rawValue, subject) }
    }
    return table
  }

  private static func subjects(_ capability: Capability, _ grants: CapabilityGrants) -> [String] {
    switch capability {
    case .publish: grants.publish.map(\.text)
    case .state:
      grants.state.map { grant in
        let prefixes =
          grant.prefixes == [""] ? "" : ", keys \(grant.prefixes.joined(separator: " "))"
        return "\(grant.bucket): \(grant.access.rawValue)\(prefixes)"
      }
    case .httpOut: grants.httpOut.map { $0.servers.map(\.text) } ?? []
    case .files: files(grants.files)
    // Every module has them.
    case .environment, .clocks, .random, .log: []
    }
  }

  private static func files(_ grants: FileGrants?) -> [String] {
    let scratch = grants?.scratch.map { "\($0.path): at most \($0.limits.size), empty at start" }
    let bundle = grants?.bundle.map { "\($0): what was packed into the module" }
    return [scratch, bundle].compactMap { $0 }
  }

  /// All of it below what is said of a module before; nothing when there is nothing.
  static func print(_ triggers: [TriggerResource], _ grants: CapabilityGrants) throws {
    if !triggers.isEmpty { StandardOutput.write("\n" + (try table(triggers)).text) }
    if !grants.granted.isEmpty { StandardOutput.write("\n" + table(grants).text) }
  }
}
