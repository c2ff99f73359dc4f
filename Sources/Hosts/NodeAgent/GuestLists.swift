public import ClusterModel

/// Answers a guest that lists the keys of a bucket, from pages of whatever holds them.
public enum GuestLists {
  /// Entries of one list are no more than this together, in bytes: an answer must fit into a line.
  private static let listedBytes = 512 << 10

  /// An empty answer says that there are no more: when the guest deleted all of a page itself, the next one is
  /// looked at.
  ///
  /// - Parameters:
  ///   - key: the last one that it has seen; `nil` at the beginning.
  ///   - limit: entries at most.
  ///   - page: at most so many entries behind a key; empty when there are no more.
  ///   - listed: what the guest hears of the entries, and whether they are all there are.
  /// - Throws: what `page` does.
  public static func answer(
    after key: StateKey?, limit: Int,
    _ page: @Sendable (StateKey?, Int) async throws(Problem) -> [StateEntry],
    listed: @Sendable ([StateEntry], Bool) -> GuestAnswer
  ) async throws(Problem) -> GuestAnswer {
    var last = key
    while true {
      let (entries, isComplete) = try await gather(after: last, limit, page)
      let answer = listed(entries, isComplete)
      guard case .entries([]) = answer, !isComplete, let end = entries.last else { return answer }
      last = end.key
    }
  }

  private static func gather(
    after key: StateKey?, _ limit: Int,
    _ page: @Sendable (StateKey?, Int) async throws(Problem) -> [StateEntry]
  ) async throws(Problem) -> (entries: [StateEntry], isComplete: Bool) {
    var entries: [StateEntry] = []
    var bytes = 0
    while entries.count < limit {
      let found = try await page(entries.last?.key ?? key, limit - entries.count)
      guard !found.isEmpty else { return (entries, true) }
      for entry in found {
        bytes += entry.value.count + entry.key.text.utf8.count
        guard bytes <= listedBytes || entries.isEmpty else { return (entries, false) }
        entries.append(entry)
      }
    }
    return (entries, false)
  }
}
