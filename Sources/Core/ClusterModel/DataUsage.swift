/// What somebody wants room in the data folder for.
public enum DataPurpose: Hashable, Sendable {
  /// An event that is published, or delivered again.
  case event
  /// State that people or programs write.
  case state
  /// A version of a module.
  case module
  /// What an activation did: it was let begin, and may come to its end.
  case effects
}

/// How much of the data folder is taken, by what, and whether there is room for more.
public struct DataUsage: Hashable, Sendable {
  /// Events, deliveries and dead letters.
  public var events: ByteCount
  /// State, as its buckets count it.
  public var state: ByteCount
  /// The registry: the catalog, and code as it was pushed.
  public var modules: ByteCount
  /// Code as it was compiled; it may be deleted while nothing runs.
  public var compiled: ByteCount
  /// What the file of the event log holds beyond that: it does not shrink, and is filled again. Not counted.
  public var free: ByteCount
  /// What was let in since this was measured.
  public var taken = ByteCount(bytes: 0)
  /// What all of it together may take; `nil` for no bound but the disk.
  public var quota: ByteCount?

  public init(
    events: ByteCount = ByteCount(bytes: 0), state: ByteCount = ByteCount(bytes: 0),
    modules: ByteCount = ByteCount(bytes: 0), compiled: ByteCount = ByteCount(bytes: 0),
    free: ByteCount = ByteCount(bytes: 0), quota: ByteCount? = nil
  ) {
    self.events = events
    self.state = state
    self.modules = modules
    self.compiled = compiled
    self.free = free
    self.quota = quota
  }

  /// The smallest quota: less does not hold a module and the files themselves.
  public static let smallestQuota = ByteCount.mebibytes(16)
  /// What effects may take beyond the quota, one part in so many: without it work that was begun could not
  /// come to its end, and nothing would ever be settled.
  static let reserveDivisor = 8

  /// What all of it takes.
  public var total: ByteCount {
    ByteCount(bytes: events.bytes + state.bytes + modules.bytes + compiled.bytes + taken.bytes)
  }

  /// How many bytes there is room for; `nil` when there is no quota.
  public func room(for purpose: DataPurpose) -> Int? {
    guard let quota else { return nil }
    let left = quota.bytes - total.bytes
    return switch purpose {
    case .event, .state, .module: left
    case .effects: left + quota.bytes / Self.reserveDivisor
    }
  }

  /// Takes room for something of a size.
  ///
  /// - Throws: ``Problem`` `data_quota_reached`, which says what takes the room.
  public mutating func take(_ size: ByteCount, for purpose: DataPurpose) throws(Problem) {
    guard let room = room(for: purpose) else { return }
    guard size.bytes <= room else { throw problem }
    taken = ByteCount(bytes: taken.bytes + size.bytes)
  }

  /// What takes the room, for people.
  public var parts: String {
    "events \(Self.about(events)), state \(Self.about(state)), modules \(Self.about(modules)), "
      + "compiled code \(Self.about(compiled)); \(Self.about(free)) to be filled again"
  }

  /// In MiB, with one digit of what is beyond.
  public static func about(_ size: ByteCount) -> String {
    let tenths = (size.bytes + 52_429) / 104_858
    return "\(tenths / 10).\(tenths % 10) MiB"
  }

  private var problem: Problem {
    Problem(
      .overloaded, code: "data_quota_reached",
      "the data folder may take \(quota ?? total) and takes \(Self.about(total))", cause: parts,
      next: "Make room (`wasmatrix events dead drop`, `wasmatrix state delete`, shorter "
        + "`--keep-events`), or raise `--quota-mebibytes`; see `wasmatrix doctor`.")
  }
}
