public import ClusterModel

/// What one activation asks, may, and wants done. It decides; who owns it reads state.
///
///     call ──granted?──no──> deny
///       │ yes
///       ├── publish, set, delete, merge ────────────────> answer    (gathered as effects)
///       ├── ... on a condition, get ──> read ──found────> answer
///       ├── list ─────────────────────> list ──listed───> answer
///       └── http ─────────────────────> send
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
    /// Whoever sends it answers; ``refused(_:_:)`` when its server's name leads where nothing is granted.
    case send(HTTPCall, HTTPGrant)
  }

  let grants: CapabilityGrants
  /// In the order in which the guest first asked for them; writes to one key are made one where they can be.
  public internal(set) var effects = ActivationEffects.none
  /// Which of the writes are to a key.
  var written: [BucketName: [StateKey: [Int]]] = [:]
  /// What it took so far to say what the activation sees of its own writes, in bytes.
  private var work = 0

  /// Beyond it reads of what the activation wrote itself are refused: a guest that appends to a key and
  /// reads it again and again must not keep the node busy.
  public static let maximumWork = ByteCount.mebibytes(256)
  /// What one write counts for beside its bytes.
  private static let workOfWrite = 64

  /// What is wanted done so far, to be done now; the session goes on as if nothing had been wanted.
  public mutating func takeEffects() -> ActivationEffects {
    defer {
      effects = .none
      written = [:]
    }
    return effects
  }

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
      return .answer(gather(write))
    case .list(let bucket, let prefix, let after, let limit):
      return .list(bucket, prefix: prefix, after: after, limit: limit)
    case .invalidate(let bucket, let key): return .invalidate(bucket, key)
    case .http(let request):
      guard let grant = grants.httpOut else { preconditionFailure("it was denied") }
      return .send(request, grant)
    }
  }

  /// The place that the name of a request's server leads to is not granted, for this reason.
  public func refused(_ request: HTTPCall, _ refusal: String) -> CapabilityDenial {
    httpDenial(of: request, refusal)
  }

  /// What was read for a call; `nil` when there is nothing.
  public mutating func found(_ entry: StateEntry?, for call: GuestCall) -> GuestAnswer {
    switch call {
    case .get(let bucket, let key, _): return visible(key, in: bucket, entry)
    case .write(let write):
      if let conflict = conflict(write, entry) { return .refused(conflict) }
      return gather(write)
    case .publish, .list, .invalidate, .http: preconditionFailure("nothing was read for it")
    }
  }

  /// What was listed for a call.
  ///
  /// - Parameter isComplete: whether there is nothing behind the last one.
  public mutating func listed(
    _ entries: [StateEntry], isComplete: Bool, for call: GuestCall
  ) -> GuestAnswer {
    guard case .list(let bucket, let prefix, let after, let limit) = call else {
      preconditionFailure("nothing was listed for it")
    }
    var found: [StateKey: StateEntry] = [:]
    for entry in entries { found[entry.key] = entry }
    // What the activation wrote beyond the last one that was read comes with the next page.
    let horizon = isComplete ? nil : entries.last?.key
    let all = written[bucket, default: [:]]
    work += all.count * Self.workOfWrite
    let own = all.keys.filter { key in
      key.text.utf8.starts(with: prefix.utf8) && after.map { $0 < key } ?? true
        && horizon.map { key <= $0 } ?? true
    }
    var answers: [GuestEntry] = []
    for key in Set(found.keys).union(own).sorted() where answers.count < limit {
      switch visible(key, in: bucket, found[key]) {
      case .entry(let entry?): answers.append(entry)
      case .refused(let problem): return .refused(problem)
      case .entry(nil), .entries, .done, .response, .ended: continue
      }
    }
    return .entries(answers)
  }

  // What the activation sees.

  private mutating func visible(
    _ key: StateKey, in bucket: BucketName, _ entry: StateEntry?
  ) -> GuestAnswer {
    var value = entry?.value
    var revision = entry?.revision
    for index in written[bucket]?[key] ?? [] {
      revision = nil
      work += Self.workOfWrite
      switch effects.writes[index].action {
      case .set(let bytes): value = bytes
      case .delete: value = nil
      case .merge(let function, let operand):
        work += operand.count + (value?.count ?? 0)
        guard work <= Self.maximumWork.bytes else { return .refused(Self.tooMuchWork) }
        do throws(Problem) {
          value = try function.merge(value, with: operand)
        } catch {
          return .refused(error)
        }
      }
    }
    return .entry(value.map { GuestEntry(key: key, value: $0, revision: revision) })
  }

  private static let tooMuchWork = Problem(
    .overloaded, code: "too_much_work",
    "the activation reads too often what it wrote itself",
    next: "Keep what was written in the module, and read less.")

  private func conflict(_ write: StateWrite, _ entry: StateEntry?) -> Problem? {
    guard written[write.bucket]?[write.key] == nil else {
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
