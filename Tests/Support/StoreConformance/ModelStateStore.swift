import ClusterModel
import HostPorts

/// What a state store should do, as simply as it can be said.
struct ModelStateStore {
  struct Refusal: Error, Equatable { let code: String }

  private struct Kept {
    var value: [UInt8]?
    var revision: StateRevision
    var at: WallInstant
    var expiresAt: WallInstant?
  }

  private struct Content {
    var bucket: Bucket
    var kept: [StateKey: Kept] = [:]
    var forgotten: StateRevision
  }

  var now = WallInstant(microseconds: 1_700_000_000_000_000)
  private(set) var newest = StateRevision.none
  private var contents: [BucketName: Content] = [:]

  mutating func declare(_ bucket: Bucket) {
    if contents[bucket.name] == nil {
      contents[bucket.name] = Content(bucket: bucket, forgotten: newest)
    }
    contents[bucket.name]?.bucket = bucket
  }

  mutating func remove(_ name: BucketName) -> Bool { contents.removeValue(forKey: name) != nil }

  /// Before this nothing is remembered of the bucket.
  func forgotten(_ name: BucketName) -> StateRevision { contents[name]?.forgotten ?? .none }

  var statuses: [BucketStatus] {
    contents.keys.sorted().compactMap { name in
      contents[name].map { content in
        let present = content.kept.filter { $0.value.value != nil }
        return BucketStatus(
          bucket: content.bucket, entries: present.count,
          size: ByteCount(bytes: Self.size(of: content)))
      }
    }
  }

  private static func size(of content: Content) -> Int {
    content.kept.reduce(0) { sum, pair in
      sum
        + (pair.value.value.map { Bucket.entryOverhead + pair.key.text.utf8.count + $0.count } ?? 0)
    }
  }

  func get(_ key: StateKey, _ name: BucketName) -> StateEntry? {
    guard let kept = contents[name]?.kept[key], let value = kept.value,
      kept.expiresAt.map({ now < $0 }) ?? true
    else { return nil }
    return StateEntry(
      key: key, value: value, revision: kept.revision, modifiedAt: kept.at,
      expiresAt: kept.expiresAt)
  }

  func list(_ name: BucketName, prefix: String) -> [StateEntry] {
    (contents[name]?.kept.keys.sorted() ?? [])
      .filter { $0.text.utf8.starts(with: prefix.utf8) }.compactMap { get($0, name) }
  }

  func changes(
    _ name: BucketName, prefix: String, after revision: StateRevision
  ) -> [StateChange] {
    (contents[name]?.kept ?? [:]).filter {
      $0.value.revision > revision && $0.key.text.utf8.starts(with: prefix.utf8)
    }
    .sorted { $0.value.revision < $1.value.revision }
    .map { key, kept in
      StateChange(
        key: key, revision: kept.revision, at: kept.at,
        entry: kept.value.map {
          StateEntry(
            key: key, value: $0, revision: kept.revision, modifiedAt: kept.at,
            expiresAt: kept.expiresAt)
        })
    }
  }

  mutating func write(_ writes: [StateWrite]) -> Result<[StateRevision], Refusal> {
    let before = self
    var revisions: [StateRevision] = []
    for write in writes {
      switch one(write) {
      case .success(let revision): revisions.append(revision)
      case .failure(let refusal):
        self = before
        return .failure(refusal)
      }
    }
    return .success(revisions)
  }

  private mutating func one(_ write: StateWrite) -> Result<StateRevision, Refusal> {
    guard var content = contents[write.bucket] else {
      return .failure(Refusal(code: "bucket_unknown"))
    }
    let present = get(write.key, write.bucket)
    switch write.condition {
    case .always: break
    case .absent where present == nil: break
    case .unchanged(let since) where present?.revision == since: break
    case .absent, .unchanged: return .failure(Refusal(code: "state_conflict"))
    }
    var value: [UInt8]?
    switch write.action {
    case .delete where content.kept[write.key]?.value == nil: return .success(newest)
    case .delete: value = nil
    case .set(let bytes): value = bytes
    case .merge(let function, let operand):
      do throws(Problem) { value = try function.merge(present?.value, with: operand) } catch {
        return .failure(Refusal(code: error.code))
      }
    }
    if let value, value.count > content.bucket.maximumValue.bytes {
      return .failure(Refusal(code: "value_too_large"))
    }
    let before = Self.size(of: content)
    newest = StateRevision(newest.number + 1)
    content.kept[write.key] = Kept(
      value: value, revision: newest, at: now,
      expiresAt: value == nil ? nil : content.bucket.timeToLive.map { now + $0 })
    let after = Self.size(of: content)
    if after > before, after > content.bucket.maximumSize.bytes {
      return .failure(Refusal(code: "bucket_full"))
    }
    contents[write.bucket] = content
    return .success(newest)
  }

  mutating func sweep() -> Int {
    let expired = contents.keys.flatMap { name in
      (contents[name]?.kept ?? [:]).compactMap { key, kept in
        kept.expiresAt.flatMap { $0 <= now ? (at: $0, revision: kept.revision, name, key) : nil }
      }
    }.sorted { ($0.at, $0.revision) < ($1.at, $1.revision) }
    for entry in expired {
      _ = one(StateWrite(bucket: entry.2, key: entry.3, action: .delete))
    }
    return expired.count
  }
}
