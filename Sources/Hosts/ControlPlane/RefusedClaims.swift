import ClusterModel

/// When it is said that claims to effects were refused: of each placement at once, and then now and then how many there
/// were. Nobody's claims fill the log.
struct RefusedClaims: Sendable {
  /// A module on a node, in whatever generation.
  private struct Claimant: Hashable {
    let module: QualifiedName
    let node: NodeID
  }

  private struct News {
    var toldAt: MonotonicInstant
    var untold = 0
  }

  /// Between two lines about a placement.
  static let interval = Duration.seconds(30)
  /// Placements of which it is known when something was said. With more of them within the interval, nothing is said
  /// of those that come later.
  static let mostPlacements = 1000

  private var news: [Claimant: News] = [:]

  /// A claim was refused.
  ///
  /// - Returns: how many were since the last line, this one included; `nil` when nothing is to be said.
  mutating func refuse(
    _ module: QualifiedName, on node: NodeID, at now: MonotonicInstant
  ) -> Int? {
    let claimant = Claimant(module: module, node: node)
    if let known = news[claimant] {
      let untold = known.untold + 1
      guard now >= known.toldAt + Self.interval else {
        news[claimant]?.untold = untold
        return nil
      }
      news[claimant] = News(toldAt: now)
      return untold
    }
    if news.count >= Self.mostPlacements {
      news = news.filter { now < $0.value.toldAt + Self.interval }
      guard news.count < Self.mostPlacements else { return nil }
    }
    news[claimant] = News(toldAt: now)
    return 1
  }
}
