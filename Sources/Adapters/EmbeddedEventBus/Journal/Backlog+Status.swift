import ClusterModel

extension Backlog {
  /// What became of an event that is not in the tables yet. All that happened to it is here, too: what the
  /// tables decide is put into them together with all that came before. `nil` when it is not here.
  func status(of offset: EventOffset) -> EventStatus? {
    let frames = frames(after: 0)
    guard let index = frames.lastIndex(where: { $0.event(at: offset) != nil }),
      let numbered = frames[index].event(at: offset)
    else { return nil }
    var deliveries = zip(numbered.deliveries, numbered.event.targets).map { id, module in
      EventStatus.Delivery(
        id: id, module: module, state: .pending, attempts: 0, output: [], outputTruncated: false,
        failure: nil)
    }
    let first = numbered.firstDelivery
    for frame in frames[index...] {
      for case let change? in frame.entries.map(\.change) {
        let place = change.delivery.number - first
        guard deliveries.indices.contains(Int(clamping: place)) else { continue }
        deliveries[Int(place)].apply(change)
      }
    }
    return EventStatus(
      offset: offset, event: numbered.event.event, acceptedAt: numbered.event.acceptedAt,
      deliveries: deliveries)
  }
}

extension EventStatus.Delivery {
  /// As ``EventWriter`` does it in the tables.
  fileprivate mutating func apply(_ change: StoredChange) {
    guard state == .pending else { return }
    switch change.outcome {
    case .succeeded(let length, let kept):
      state = .succeeded
      output = kept
      outputTruncated = kept.count < length
    case .failed(let failure):
      guard change.attempt > attempts else { return }
      self.failure = failure
    case .dead(let failure):
      state = .dead
      self.failure = failure
    }
    attempts = change.attempt
  }
}
