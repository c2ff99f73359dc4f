import Synchronization

/// Work under way that a supervised service owns: while the service is down nothing begins, and when it
/// ends, so does the work.
public final class WorkPool: Sendable {
  /// Begins some work. What it returns cancels that.
  public typealias Start = @Sendable (Place) -> @Sendable () -> Void

  /// The place of some work in a pool.
  public struct Place: Sendable {
    fileprivate let pool: WorkPool
    fileprivate let id: UInt64

    /// Says that the work is done, to be called once: until then the pool takes it for under way.
    public func leave() { pool.ended(id) }
  }

  private struct Work {
    /// Until the service has let it begin.
    var start: Start?
    /// Called instead when it is cancelled before that.
    var dropped: (@Sendable () -> Void)?
    /// `nil` until it has begun.
    var cancel: (@Sendable () -> Void)?
    var isCancelled = false
  }

  private struct State: ~Copyable {
    var isOpen = false
    /// Whoever begins work bounds it.
    var works: [UInt64: Work] = [:]
    var last: UInt64 = 0
    var emptied: [CheckedContinuation<Void, Never>] = []
    /// Who wait until nothing is under way, whatever waits.
    var idle: [CheckedContinuation<Void, Never>] = []

    var isIdle: Bool { works.values.allSatisfy { $0.start != nil } }
  }

  private let state = Mutex(State())

  public init() {}

  /// Begins a task. It is cancelled when the service ends: it must then come to an end, and say so to whoever
  /// waits for it.
  public func begin(_ body: @escaping @Sendable () async -> Void) {
    begin { place in
      let task = Task {
        await body()
        place.leave()
      }
      return { task.cancel() }
    }
  }

  /// Begins something, now when the service is there, else as soon as it is.
  ///
  /// - Parameters:
  ///   - start: may be called on any thread, and returns soon. It is cancelled when the service ends: it must then
  ///     come to an end, and leave its place.
  ///   - dropped: called instead when it was cancelled before; `nil` to have it begin all the same, and be
  ///     cancelled at once.
  /// - Returns: cancels it.
  @discardableResult
  public func begin(
    _ start: @escaping Start, dropped: (@Sendable () -> Void)? = nil
  ) -> @Sendable () -> Void {
    let (id, isOpen) = state.withLock { state in
      state.last += 1
      state.works[state.last] = Work(start: state.isOpen ? nil : start, dropped: dropped)
      return (state.last, state.isOpen)
    }
    if isOpen { launch(id, start) }
    return { self.cancel(id) }
  }

  /// How much runs or waits.
  public var count: Int { state.withLock { $0.works.count } }

  /// Cancels everything that runs or waits.
  public func cancelAll() {
    for id in state.withLock({ Array($0.works.keys) }) { cancel(id) }
  }

  /// Returns when nothing runs or waits any more. What takes longer than `patience` is cancelled.
  public func drain(patience: Duration) async {
    let impatience = Task {
      // Cancelled when all is done sooner.
      try? await Task.sleep(for: patience)
      self.cancelAll()
    }
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if state.works.isEmpty { return true }
        state.emptied.append(continuation)
        return false
      }
      if isEmpty { continuation.resume() }
    }
    impatience.cancel()
  }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      var waiting: [(UInt64, Start)] = []
      for (id, work) in state.works.sorted(by: { $0.key < $1.key }) {
        guard let start = work.start, !work.isCancelled else { continue }
        state.works[id]?.start = nil
        waiting.append((id, start))
      }
      return waiting
    }
    for (id, start) in waiting { launch(id, start) }
  }

  /// Cancels everything that has begun, and returns when it has ended.
  func close() async {
    let begun = state.withLock { state in
      state.isOpen = false
      return state.works.compactMap { $0.value.start == nil ? $0.key : nil }
    }
    for id in begun { cancel(id) }
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        if state.isIdle { return true }
        state.idle.append(continuation)
        return false
      }
      if isIdle { continuation.resume() }
    }
  }

  /// Its beginning is known already, so that its end comes after that.
  private func launch(_ id: UInt64, _ start: @escaping Start) {
    let cancel = start(Place(pool: self, id: id))
    let isCancelled = state.withLock { state in
      // It may have ended.
      state.works[id]?.cancel = cancel
      return state.works[id]?.isCancelled ?? false
    }
    if isCancelled { cancel() }
  }

  private enum Cancelling {
    case nothing
    case begun(@Sendable () -> Void)
    case begin(Start)
    case dropped(@Sendable () -> Void)
  }

  private func cancel(_ id: UInt64) {
    let cancelling = state.withLock { state -> Cancelling in
      guard let work = state.works[id], !work.isCancelled else { return .nothing }
      state.works[id]?.isCancelled = true
      guard let start = work.start else { return work.cancel.map { .begun($0) } ?? .nothing }
      if let dropped = work.dropped { return .dropped(dropped) }
      state.works[id]?.start = nil
      return .begin(start)
    }
    switch cancelling {
    case .nothing: break
    case .begun(let cancel): cancel()
    case .begin(let start): launch(id, start)
    case .dropped(let dropped):
      dropped()
      ended(id)
    }
  }

  private func ended(_ id: UInt64) {
    let waiters = state.withLock { state in
      state.works[id] = nil
      var waiters: [CheckedContinuation<Void, Never>] = []
      if !state.idle.isEmpty, state.isIdle {
        waiters += state.idle
        state.idle = []
      }
      if state.works.isEmpty {
        waiters += state.emptied
        state.emptied = []
      }
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }
}

/// The service that owns a ``WorkPool``.
public struct WorkPoolOwner: SupervisedService {
  private let pool: WorkPool

  public init(of pool: WorkPool) { self.pool = pool }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    pool.open()
    ready()
    await untilCancelled()
    await pool.close()
  }
}

/// Returns when the task is cancelled.
public func untilCancelled() async {
  // Nothing is ever sent.
  let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
  for await () in stream {}
  continuation.finish()
}
