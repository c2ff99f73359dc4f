import ClusterModel

/// Why a connection was closed.
enum ConnectionRefusal: String, CaseIterable, Sendable {
  /// All places were taken.
  case full
  /// Too many waited until it was known whose they are.
  case crowd
  /// Too many of those came from one address.
  case origin
  /// It gave way to a newcomer: it had waited for its fair time.
  case displaced
  /// It was not known in time whose it is.
  case silent
  /// The same one had too many that are newer.
  case older
}

/// Who may stay of those that connect: what ``ConnectionLimit`` goes by. It knows no clock and no socket.
///
///     newcomer ──> waits ──it is known whose it is──> stays ──> closed
///        │           └─ gives way, or had no time left ──────────▲
///        └─ refused ─────────────────────────────────────────────┘
///
/// When too many wait a newcomer takes the place of the one that has waited longest, but not before that had its fair
/// time; until then it is the newcomer that is refused. Were newcomers refused always, a few silent strangers would
/// keep everybody out for as long as patience lasts. Did the one that waits longest give way at once, nobody of a fleet
/// that comes back as one would get through the handshake before the next ones push it out.
struct ConnectionPlaces<ID: Hashable & Sendable>: Sendable {
  enum Admission: Hashable, Sendable {
    case admitted
    /// In the place of another, which is to be closed.
    case admittedInsteadOf(ID)
    case refused(ConnectionRefusal)
  }

  private enum Standing: Sendable {
    case waiting(ConnectionOrigin)
    /// - Parameter owner: `nil` when whoever takes the calls looks at that.
    case staying(owner: String?)
  }

  private struct Arrival: Sendable {
    var number: UInt64
    var at: MonotonicInstant
  }

  private let bounds: ConnectionBounds
  private var standings: [ID: Standing] = [:]
  private var waiting: [ConnectionOrigin: [ID: Arrival]] = [:]
  private var waitingCount = 0
  /// The connections of each owner, the oldest first.
  private var owned: [String: [ID]] = [:]
  private var lastArrival: UInt64 = 0

  init(_ bounds: ConnectionBounds) { self.bounds = bounds }

  func isWaiting(_ id: ID) -> Bool {
    if case .waiting? = standings[id] { return true }
    return false
  }

  /// One has connected.
  mutating func admit(
    _ id: ID, from origin: ConnectionOrigin, at now: MonotonicInstant
  ) -> Admission {
    guard let (refusal, rivals) = lack(for: origin) else {
      add(id, from: origin, at: now)
      return .admitted
    }
    guard let (former, arrival) = oldest(rivals), now - arrival.at >= bounds.fairTime else {
      return .refused(refusal)
    }
    remove(former)
    add(id, from: origin, at: now)
    return .admittedInsteadOf(former)
  }

  /// Why there is no place for one more; and whose of those that wait it may take, `nil` for anybody's.
  private func lack(
    for origin: ConnectionOrigin
  ) -> (refusal: ConnectionRefusal, rivals: ConnectionOrigin?)? {
    if waiting[origin, default: [:]].count >= bounds.mostFromOneOrigin { return (.origin, origin) }
    if waitingCount >= bounds.mostWaiting { return (.crowd, nil) }
    return standings.count >= bounds.most ? (.full, nil) : nil
  }

  private func oldest(_ origin: ConnectionOrigin?) -> (ID, Arrival)? {
    let crowds = origin.map { [waiting[$0, default: [:]]] } ?? Array(waiting.values)
    let first = crowds.joined().min { $0.value.number < $1.value.number }
    return first.map { ($0.key, $0.value) }
  }

  private mutating func add(_ id: ID, from origin: ConnectionOrigin, at now: MonotonicInstant) {
    lastArrival += 1
    standings[id] = .waiting(origin)
    waiting[origin, default: [:]][id] = Arrival(number: lastArrival, at: now)
    waitingCount += 1
  }

  /// It is known whose it is.
  ///
  /// - Returns: an older one of the same owner, which is to be closed.
  mutating func keep(_ id: ID, of owner: String?) -> ID? {
    guard case .waiting(let origin)? = standings[id] else { return nil }
    endWaiting(id, origin)
    standings[id] = .staying(owner: owner)
    guard let owner else { return nil }
    var own = owned[owner, default: []]
    own.append(id)
    let former = own.count > bounds.mostOfOneOwner ? own.removeFirst() : nil
    owned[owner] = own
    if let former { standings[former] = nil }
    return former
  }

  /// It is closed, or will be.
  mutating func remove(_ id: ID) {
    guard let standing = standings.removeValue(forKey: id) else { return }
    switch standing {
    case .waiting(let origin): endWaiting(id, origin)
    case .staying(let owner?):
      owned[owner]?.removeAll { $0 == id }
      if owned[owner]?.isEmpty == true { owned[owner] = nil }
    case .staying(nil): break
    }
  }

  private mutating func endWaiting(_ id: ID, _ origin: ConnectionOrigin) {
    waiting[origin]?[id] = nil
    if waiting[origin]?.isEmpty == true { waiting[origin] = nil }
    waitingCount -= 1
  }
}
