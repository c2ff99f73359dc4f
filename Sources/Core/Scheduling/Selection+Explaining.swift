import ClusterModel

// The verdict of every node.
extension Selection {
  func explanation(at now: Instants) -> PlacementExplanation {
    var progress = self
    let decision = progress.decide(at: now)
    var verdicts: [NodeVerdict] = []
    var replay = self
    for (rank, candidate) in progress.chosen.enumerated() {
      verdicts.append(replay.verdict(of: candidate.row, chosenAs: rank))
      replay.mark(candidate)
    }
    let chosen = Set(progress.chosen.map(\.row))
    var outscored: [Candidate] = []
    var rejected: [NodeVerdict] = []
    for row in 0..<table.count where !chosen.contains(row) {
      let reasons = rejections(row)
      if reasons.isEmpty {
        outscored.append(replay.candidate(row))
      } else {
        rejected.append(rejection(row, reasons))
      }
    }
    for candidate in outscored.sorted(by: replay.precedes) {
      verdicts.append(replay.outscored(candidate.row))
    }
    verdicts += rejected.sorted { $0.node < $1.node }
    return PlacementExplanation(decision: decision, verdicts: verdicts)
  }

  private func verdict(of row: Int, chosenAs rank: Int) -> NodeVerdict {
    let isSelected = rank < request.replicas
    let place = isSelected ? rank + 1 : rank - request.replicas + 1
    return scored(
      row, isSelected ? .selected : .fallback,
      isSelected ? "chosen as number \(place)" : "fallback number \(place)")
  }

  private func outscored(_ row: Int) -> NodeVerdict { scored(row, .outscored, "others are better") }

  private func scored(
    _ row: Int, _ outcome: NodeVerdict.Outcome, _ beginning: String
  ) -> NodeVerdict {
    let candidate = candidate(row)
    let factors = factors(row)
    var text = "\(beginning): score \(percent(candidate.total))"
    text += " (proximity \(percent(factors.proximityScore))"
    text += ", resources \(percent(factors.resourceScore))"
    text += ", data \(percent(factors.dataLocalityScore))"
    text += ", spread \(percent(factors.faultDomainScore)))"
    if candidate.fit == .portable { text += ", only as portable code" }
    if candidate.isHolder { text += ", holds it already" }
    return NodeVerdict(
      node: table.ids[row], outcome: outcome, factors: factors, score: candidate.total,
      latencyMilliseconds: latency(row), distanceKilometres: kilometres(row), reason: text)
  }

  private func rejection(_ row: Int, _ reasons: [Rejection]) -> NodeVerdict {
    NodeVerdict(
      node: table.ids[row], outcome: .rejected, rejections: reasons,
      latencyMilliseconds: latency(row), distanceKilometres: kilometres(row),
      reason: "cannot run it: " + reasons.map(\.detail).joined(separator: "; "))
  }

  private func latency(_ row: Int) -> Double? {
    origin.latency[row] < 0 ? nil : origin.latency[row] / 1e6
  }

  private func kilometres(_ row: Int) -> Double? {
    origin.kilometres[row] < 0 ? nil : origin.kilometres[row]
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
    if table.free[row] < request.memory.bytes {
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
