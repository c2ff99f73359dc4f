import ClusterModel
import DequeModule
import Foundation
import SwiftProtobuf
import Synchronization
import WireMessages

/// What waits to be written on a Run stream. Events that are large are written in pieces, between which
/// everything else comes: so none waits behind the whole of another.
///
///     orders ───────────────────────────────> written, so many at the most before a piece that waits
///     pieces of each large event, in turns ──>
final class RunQueue: Sendable {
  private struct State {
    var orders: Deque<WireRunOrder> = []
    /// What is missing of large events, each in its order; whose turn it is comes first.
    var large: Deque<(id: UInt64, rest: Data)> = []
    /// Orders since a piece was written.
    var sincePiece = 0
    var isFinished = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int = WireLimits.waitingFrames) { self.limit = limit }

  /// - Parameter inPieces: whether the agent takes them.
  /// - Returns: whether it will be written, unless the stream ends first.
  func send(_ order: WireRunOrder, inPieces: Bool) -> Bool {
    let (isTaken, waiting) = state.withLock { state in
      guard !state.isFinished, state.orders.count + state.large.count < limit else {
        return (false, nil as CheckedContinuation<Void, Never>?)
      }
      Self.add(order, inPieces, &state)
      defer { state.waiting = nil }
      return (true, state.waiting)
    }
    waiting?.resume()
    return isTaken
  }

  private static func add(_ order: WireRunOrder, _ inPieces: Bool, _ state: inout State) {
    if case .cancel? = order.order { state.large.removeAll { $0.id == order.id } }
    let data = order.invocation.event.data
    guard inPieces, data.count > WireLimits.piece.bytes else { return state.orders.append(order) }
    var beginning = order
    beginning.invocation.event.data = Data()
    beginning.invocation.followingBytes = UInt64(data.count)
    state.orders.append(beginning)
    state.large.append((order.id, data))
  }

  /// The next to be written; `nil` when nothing more comes. To be asked by one at a time.
  func next() async -> WireRunOrder? {
    while true {
      let (order, isOver) = state.withLock { state in
        (Self.take(&state), state.isFinished)
      }
      if let order { return order }
      if isOver || Task.isCancelled { return nil }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isDue = state.withLock { state in
            guard state.orders.isEmpty, state.large.isEmpty, !state.isFinished, !Task.isCancelled
            else { return true }
            state.waiting = continuation
            return false
          }
          if isDue { continuation.resume() }
        }
      } onCancel: {
        wake()
      }
    }
  }

  private static func take(_ state: inout State) -> WireRunOrder? {
    if !state.orders.isEmpty,
      state.large.isEmpty || state.sincePiece < WireLimits.ordersBeforePiece
    {
      state.sincePiece += 1
      return state.orders.popFirst()
    }
    guard let (id, rest) = state.large.popFirst() else { return nil }
    state.sincePiece = 0
    // Its beginning waits behind many others: it goes first.
    if let place = state.orders.firstIndex(where: { $0.id == id }) {
      state.large.prepend((id, rest))
      return state.orders.remove(at: place)
    }
    let left = rest.dropFirst(WireLimits.piece.bytes)
    if !left.isEmpty { state.large.append((id, left)) }
    return .with {
      $0.id = id
      $0.piece = Data(rest.prefix(WireLimits.piece.bytes))
    }
  }

  /// What waits is written; nothing more is taken.
  func finish() {
    state.withLock { $0.isFinished = true }
    wake()
  }

  private func wake() {
    let waiting = state.withLock { state in
      defer { state.waiting = nil }
      return state.waiting
    }
    waiting?.resume()
  }
}
