import ClusterModel

/// Where a module runs: `placement`.
struct PlacementDecoder {
  let values: ValueReader

  static let keys = [
    "replicas", "fallbacks", "isolation", "architectures", "cpu-features", "hardware", "labels",
    "memory", "origin", "maximum-latency", "preferred-zones", "data-zones", "weights",
  ]
  static let originKeys = ["zone", "latitude", "longitude"]
  static let weightKeys = ["latency", "distance", "resources", "data-locality", "fault-domain"]

  func rules(_ fields: Fields) -> PlacementRules {
    var rules = PlacementRules()
    guard let field = fields["placement"], let given = values.fields(field, keys: Self.keys)
    else { return rules }
    typealias Range = PlacementRules.Range
    func number(_ key: String, _ range: ClosedRange<Int>, _ usual: Int) -> Int {
      given[key].flatMap { values.integer($0, range) } ?? usual
    }
    rules.replicas = number("replicas", Range.replicas, rules.replicas)
    rules.fallbacks = number("fallbacks", Range.fallbacks, rules.fallbacks)
    rules.isolation = given["isolation"].flatMap { word($0) } ?? rules.isolation
    rules.architectures = list(given["architectures"]) { word($0) }
    rules.cpuFeatures = list(given["cpu-features"]) { feature($0) }.sorted()
    rules.hardware = list(given["hardware"]) { feature($0) }.sorted()
    rules.labels = labels(given["labels"])
    rules.memory = given["memory"].flatMap {
      values.size($0, ActivationLimits.Range.memory, like: .mebibytes(64))
    }
    rules.origin = given["origin"].flatMap { origin($0) }
    rules.maximumLatency = given["maximum-latency"].flatMap {
      values.duration($0, Range.maximumLatency, like: .milliseconds(20))
    }
    rules.preferredZones = list(given["preferred-zones"]) { zone($0) }.sorted()
    rules.dataZones = list(given["data-zones"]) { zone($0) }.sorted()
    rules.weights = given["weights"].flatMap { weights($0) } ?? rules.weights
    return rules
  }

  private func zone(_ field: Field) -> Zone? { values.validated(field, as: Zone.self) }

  /// One of a few words.
  private func word<Value: RawRepresentable<String> & CaseIterable>(_ field: Field) -> Value? {
    let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
    guard let text = values.text(field, allowed: allowed) else { return nil }
    if let value = Value(rawValue: text) { return value }
    values.report("\(excerpt(text)) is not known", field, allowed: allowed)
    return nil
  }

  private func feature(_ field: Field) -> String? {
    guard let text = values.text(field, allowed: FeatureName.rule) else { return nil }
    if FeatureName.isValid(text) { return text }
    values.report("\(excerpt(text)) is not a valid name", field, allowed: FeatureName.rule)
    return nil
  }

  private func list<Value: Hashable>(_ field: Field?, _ read: (Field) -> Value?) -> [Value] {
    let limit = PlacementRules.Range.names.upperBound
    guard let field, let elements = values.elements(field, limit: limit, allowed: "a list")
    else { return [] }
    var found: [Value] = []
    for element in elements {
      guard let value = read(element) else { continue }
      if found.contains(value) {
        values.report("it is there twice", element)
      } else {
        found.append(value)
      }
    }
    return found
  }

  private func labels(_ field: Field?) -> [Label] {
    let allowed = "a mapping of names to values, like \"tier: edge\""
    guard let field, let entries = values.entries(field, allowed: allowed) else { return [] }
    var labels: [Label] = []
    for (name, field) in entries {
      guard let value = values.text(field, allowed: "a text") else { continue }
      do throws(InvalidValue) {
        labels.append(try Label(name, value))
      } catch {
        values.report("\(error.description)", field, allowed: error.rule)
      }
    }
    if labels.count > PlacementRules.Range.names.upperBound {
      values.report(
        "there are \(labels.count)", field,
        allowed: "at most \(PlacementRules.Range.names.upperBound)")
    }
    return labels.sorted()
  }

  private func origin(_ field: Field) -> NodeLocation? {
    guard let given = values.fields(field, keys: Self.originKeys),
      let zone = values.required("zone", in: given, allowed: Zone.rule).flatMap({ zone($0) })
    else { return nil }
    let latitude = given["latitude"].flatMap { values.number($0, -90...90) }
    let longitude = given["longitude"].flatMap { values.number($0, -180...180) }
    guard let latitude, let longitude else {
      // One alone is no place; what was unreadable was reported.
      if (given["latitude"] == nil) != (given["longitude"] == nil) {
        values.report("latitude and longitude go together", field, allowed: "both, or neither")
      }
      return NodeLocation(zone: zone)
    }
    // Both were read within their ranges.
    return NodeLocation(
      zone: zone, coordinates: try? Coordinates(latitude: latitude, longitude: longitude))
  }

  /// Those that are left out count nothing.
  private func weights(_ field: Field) -> PlacementWeights? {
    guard let given = values.fields(field, keys: Self.weightKeys) else { return nil }
    // Whatever else is there was reported.
    guard Self.weightKeys.contains(where: { given[$0] != nil }) else { return nil }
    let all = Self.weightKeys.map { key in
      given[key].flatMap { values.number($0, PlacementWeights.range) } ?? 0
    }
    do throws(InvalidValue) {
      return try PlacementWeights(
        latency: all[0], distance: all[1], resources: all[2], dataLocality: all[3],
        faultDomain: all[4])
    } catch {
      values.report("no weight is above 0", field, allowed: error.rule)
      return nil
    }
  }
}
