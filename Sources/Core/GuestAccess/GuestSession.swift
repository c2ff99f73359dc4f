public import ClusterModel

/// What one activation asks, may, and wants done. It decides; who owns it reads state.
///
///     call ──granted?──no──> deny
///       │ yes
///       ├── publish, set, delete, merge ────────────────> answer    (gathered as effects)
///       ├── ... on a condition, get ──> read ──found────> answer
///       └── list ─────────────────────> list ──listed───> answer
///
/// Reads see what the activation wrote itself. Conditions are checked here, so that a guest hears at once
/// that it is too late, and again when its effects become durable.
public struct GuestSession: Sendable {
  /// What must be done about a call.
  public enum Step: Hashable, Sendable {
    case answer(GuestAnswer)
    case deny(CapabilityDenial)
    /// Answered with ``found(_:for:)``.
    case read(BucketName, StateKey, ReadConsistency)
    /// Answered with ``listed(_:isComplete:for:)``.
    case list(BucketName, prefix: String, after: StateKey?, limit: Int)
    /// The cache forgets it; nothing is answered with.
    case invalidate(BucketName, StateKey)
  }

  let grants: CapabilityGrants
  /// In the order in which the guest asked for them.
  public private(set) var effects = ActivationEffects.none

  public init(_ grants: CapabilityGrants) { self.grants = grants }

  public mutating func handle(_ call: GuestCall) -> Step {
    if let denial = denial(of: call) { return .deny(denial) }
    switch call {
    case .publish(let event):
      effects.published.append(event)
      return .answer(.done)
    case .get(let bucket, let key, let consistency): return .read(bucket, key, consistency)
    case .write(let write):
      guard case .always = write.condition else { return .read(write.bucket, write.key, .strong) }
      effects.writes.append(write)
      return .answer(.done)
    case .list(let bucket, let prefix, let after, let limit):
      return .list(bucket, prefix: prefix, after: after, limit: limit)
    case .invalidate(let bucket, let key): return .invalidate(bucket, key)
    }
  }

  /// What was read for a call; `nil` when there is nothing.
  public mutating func found(_ entry: StateEntry?, for call: GuestCall) -> GuestAnswer {
    switch call {
    case .get(let bucket, let key, _): return visible(key, in: bucket, entry)
    case .write(let write):
      if let conflict = conflict(write, entry) { return .refused(conflict) }
      effects.writes.append(write)
      return .done
    case .publish, .list, .invalidate: preconditionFailure("nothing was read for it")
    }
  }

  /// What was listed for a call.
  ///
  /// - Parameter isComplete: whether there is nothing behind the last one.
  public func listed(
    _ entries: [StateEntry], isComplete: Bool, for call: GuestCall
  ) -> GuestAnswer {
    guard case .list(let bucket, let prefix, let after, let limit) = call else {
      preconditionFailure("nothing was listed for it")
    }
    var found: [StateKey: StateEntry] = [:]
    for entry in entries { found[entry.key] = entry }
    // What the activation wrote beyond the last one that was read comes with the next page.
    let horizon = isComplete ? nil : entries.last?.key
    let own = effects.writes.lazy.filter { write in
      write.bucket == bucket && write.key.text.utf8.starts(with: prefix.utf8)
        && after.map { $0 < write.key } ?? true && horizon.map { write.key <= $0 } ?? true
    }.map(\.key)
    var answers: [GuestEntry] = []
    for key in Set(found.keys).union(own).sorted() where answers.count < limit {
      switch visible(key, in: bucket, found[key]) {
      case .entry(let entry?): answers.append(entry)
      case .refused(let problem): return .refused(problem)
      case .entry(nil), .entries, .done: continue
      }
    }
    return .entries(answers)
  }

  // What the activation sees.

  private func visible(
    _ key: StateKey, in bucket: BucketName, _ entry: StateEntry?
  ) -> GuestAnswer {
    var value = entry?.value
    var revision = entry?.revision
    for write in effects.writes where write.bucket == bucket && write.key == key {
      revision = nil
      switch write.action {
      case .set(let bytes): value = bytes
      case .delete: value = nil
      case .merge(let function, let operand):
        do throws(Problem) {
          value = try function.merge(value, with: operand)
        } catch {
          return .refused(error)
        }
      }
    }
    return .entry(value.map { GuestEntry(key: key, value: $0, revision: revision) })
  }

  private func conflict(_ write: StateWrite, _ entry: StateEntry?) -> Problem? {
    guard !effects.writes.contains(where: { $0.bucket == write.bucket && $0.key == write.key })
    else {
      return Self.conflict(
        write.key, "this activation wrote it itself, and its revision is not known yet")
    }
    let holds =
      switch write.condition {
      case .always: true
      case .absent: entry == nil
      case .unchanged(let since): entry?.revision == since
      }
    guard !holds else { return nil }
    return Self.conflict(
      write.key, "there is \(entry.map { "revision \($0.revision)" } ?? "nothing")")
  }

  private static func conflict(_ key: StateKey, _ cause: String) -> Problem {
    Problem(
      .conflict, code: "state_conflict", "\(key) was changed by another writer", cause: cause,
      next: "Read it again, and decide anew.")
  }
}
