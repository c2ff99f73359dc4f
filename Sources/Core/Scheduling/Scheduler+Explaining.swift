public import ClusterModel

extension Scheduler {
  /// The decision with every node's verdict: why these, and why not each other.
  public func explain(_ request: PlacementRequest, at now: Instants) -> PlacementExplanation {
    var copy = self
    let rules = copy.choose(request)
    let decision = copy.decision(request, rules, at: now)
    return PlacementExplanation(
      decision: decision, verdicts: Verdicts(request, copy.table, copy.selection).all())
  }

  /// Whether a node may run it as soon as it is heard again: one that is suspect, or one of those that are given up and
  /// may be back soon.
  public func mayRunSoon(_ request: PlacementRequest, awaiting silent: Set<NodeID>) -> Bool {
    var copy = self
    _ = copy.choose(request)
    return Verdicts(request, copy.table, copy.selection).isSilenceAllThatHinders(silent)
  }
}

/// What became of every node in a decision, after it was made.
private struct Verdicts {
  let request: PlacementRequest
  let table: FleetTable
  let selection: Selection
  /// For what runs it as native code, and for what runs it as portable.
  let native: CompiledRules
  let portable: CompiledRules

  init(_ request: PlacementRequest, _ table: FleetTable, _ selection: Selection) {
    self.request = request
    self.table = table
    self.selection = selection
    native = CompiledRules(request.rules, .native)
    portable = CompiledRules(request.rules, .portable)
  }

  /// The chosen, the others that may run it, those that may not.
  func all() -> [NodeVerdict] {
    var verdicts = selection.chosen.enumerated().map { verdict(of: $1, chosenAs: $0) }
    let chosen = Set(selection.chosen.map(\.row))
    var outscored: [(Selection.Candidate, CompatibilityMatrix.Fit)] = []
    var rejected: [NodeVerdict] = []
    for row in 0..<table.count where !chosen.contains(row) {
      let reasons = rejections(row)
      if reasons.isEmpty, let (candidate, fit) = candidate(row) {
        outscored.append((candidate, fit))
      } else {
        rejected.append(rejection(row, reasons))
      }
    }
    outscored.sort { left, right in
      left.1 != right.1 ? left.1 < right.1 : selection.precedes(left.0, right.0, table)
    }
    for (candidate, fit) in outscored {
      verdicts.append(
        scored(
          Selection.Choice(
            row: candidate.row, fit: fit, points: candidate.points,
            domainScore: selection.domainScore(candidate.row, table)), .outscored,
          "others are better"))
    }
    return verdicts + rejected.sorted { $0.node < $1.node }
  }

  /// On one of the nodes at least, of which some are given up and may be back.
  func isSilenceAllThatHinders(_ silent: Set<NodeID>) -> Bool {
    (0..<table.count).contains { row in
      let isSilent =
        switch table.availability(row) {
        case .suspect: true
        case .unavailable: silent.contains(table.ids[row])
        case .available, .cordoned, .draining: false
        }
      return isSilent && rejections(row).count == 1
    }
  }

  /// As things are after the decision; `nil` when it may not run it.
  private func candidate(
    _ row: Int
  ) -> (Selection.Candidate, CompatibilityMatrix.Fit)? {
    for rules in [native, portable] {
      guard let standing = rules.points(row, table) else { continue }
      let points = selection.points(row, standing: standing, request.rules.weights, table)
      return (Selection.Candidate(row: row, points: points), rules.fit)
    }
    return nil
  }

  private func verdict(of choice: Selection.Choice, chosenAs rank: Int) -> NodeVerdict {
    let isSelected = rank < request.replicas
    let place = isSelected ? rank + 1 : rank - request.replicas + 1
    return scored(
      choice, isSelected ? .selected : .fallback,
      isSelected ? "chosen as number \(place)" : "fallback number \(place)")
  }

  private func scored(
    _ choice: Selection.Choice, _ outcome: NodeVerdict.Outcome, _ beginning: String
  ) -> NodeVerdict {
    let row = choice.row
    let factors = DecisionFactors(native, row, choice.domainScore, table, selection)
    let score = choice.points / native.allPoints
    var text = "\(beginning): score \(percent(score))"
    text += " (proximity \(percent(factors.proximityScore))"
    text += ", resources \(percent(factors.resourceScore))"
    text += ", data \(percent(factors.dataLocalityScore))"
    text += ", spread \(percent(factors.faultDomainScore)))"
    if let away = distance(row) { text += ", \(away)" }
    if choice.fit == .portable { text += ", only as portable code" }
    if selection.isHolder(row) { text += ", holds it already" }
    return NodeVerdict(
      node: table.ids[row], outcome: outcome, factors: factors, score: score,
      latencyMilliseconds: latency(row), latencySource: source(row),
      distanceKilometres: native.kilometres(row, table), reason: text)
  }

  private func rejection(_ row: Int, _ reasons: [Rejection]) -> NodeVerdict {
    NodeVerdict(
      node: table.ids[row], outcome: .rejected, rejections: reasons,
      latencyMilliseconds: latency(row), latencySource: source(row),
      distanceKilometres: native.kilometres(row, table),
      reason: "cannot run it: " + reasons.map(\.detail).joined(separator: "; "))
  }

  private func latency(_ row: Int) -> Double? { native.latency(row, table).map { $0 / 1e6 } }

  private func source(_ row: Int) -> LatencySource? {
    guard latency(row) != nil else { return nil }
    return native.measured(row, table) == nil ? .estimated : .measured
  }

  /// "measured 1.2 ms": how far away it is; `nil` when nobody knows.
  private func distance(_ row: Int) -> String? {
    guard let latency = latency(row), let source = source(row) else { return nil }
    return "\(source.rawValue) \((latency * 10).rounded() / 10) ms"
  }

  private func percent(_ share: Double) -> String { "\(Int((share * 100).rounded()))" }

  /// Every reason why a node may not run it, in the order in which they are looked at.
  private func rejections(_ row: Int) -> [Rejection] {
    availabilityRejections(row) + capabilityRejections(row) + placeRejections(row)
  }

  private func availabilityRejections(_ row: Int) -> [Rejection] {
    var reasons: [Rejection] = []
    switch table.availability(row) {
    case .available: break
    case .cordoned: reasons.append(Rejection(.cordoned, "it is cordoned"))
    case .draining: reasons.append(Rejection(.draining, "it is being drained"))
    case .suspect: reasons.append(Rejection(.suspect, "it is suspect"))
    case .unavailable: reasons.append(Rejection(.unavailable, "it is unavailable"))
    }
    if table.isBreakerOpen(row) {
      reasons.append(Rejection(.breakerOpen, "it failed too often lately"))
    }
    if request.excluded.contains(table.ids[row]) {
      reasons.append(Rejection(.excluded, "it holds it already, or has just failed with it"))
    }
    return reasons
  }

  private func capabilityRejections(_ row: Int) -> [Rejection] {
    let rules = request.rules
    let node = table.profiles[row].capabilities
    var reasons: [Rejection] = []
    if CompatibilityMatrix.fit(rules.architectures, node.architectures) == .none {
      let offered = node.architectures.map(\.rawValue).joined(separator: ", ")
      reasons.append(Rejection(.architecture, "it runs \(offered)"))
    }
    func missing(_ code: Rejection.Code, _ wanted: [String], _ what: String) {
      if !wanted.isEmpty {
        reasons.append(Rejection(code, "it has no \(what) \(wanted.joined(separator: ", "))"))
      }
    }
    missing(
      .cpuFeatures, rules.cpuFeatures.filter { !node.cpuFeatures.contains($0) }, "CPU feature")
    missing(
      .hardware, rules.hardware.filter { !node.specializedHardware.contains($0) }, "hardware")
    missing(
      .labels,
      rules.labels.filter { !node.labels.contains($0) }.map { "\($0.name)=\($0.value)" }, "label")
    if table.free[row] < selection.memory {
      let free = ByteCount(bytes: max(0, table.free[row]))
      reasons.append(
        Rejection(.memory, "it has \(free) of memory left, and \(request.memory) are needed"))
    }
    return reasons
  }

  private func placeRejections(_ row: Int) -> [Rejection] {
    guard let longest = request.rules.maximumLatency else { return [] }
    guard let latency = latency(row) else {
      return [Rejection(.distanceUnknown, "nobody knows how far away it is")]
    }
    guard latency > longest.milliseconds else { return [] }
    return [
      Rejection(
        .tooFar,
        "it is \(Int(latency.rounded(.up))) ms away, and at most "
          + "\(Int(longest.milliseconds)) ms are allowed")
    ]
  }
}
