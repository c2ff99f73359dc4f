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
  /// What became of an order.
  enum Reception {
    /// It will be written, unless the stream ends first.
    case taken
    /// So much data waits that the agent gets no more at the moment: others may take the event.
    case tooMuchData
    /// So many orders wait that the agent does not read, or the stream has ended.
    case over
  }

  /// What is missing of a large event.
  private struct Large {
    let id: UInt64
    /// Of all of it, which is held until the last piece is written.
    let size: Int
    var rest: Data
  }

  private struct State {
    var orders: Deque<WireRunOrder> = []
    /// Each in its order; whose turn it is comes first.
    var large: Deque<Large> = []
    /// Bytes of the events that wait.
    var data = 0
    /// Orders since a piece was written.
    var sincePiece = 0
    var isFinished = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())
  private let limit: Int
  private let mostData: ByteCount

  init(limit: Int = WireLimits.waitingFrames, mostData: ByteCount = WireLimits.waitingData) {
    self.limit = limit
    self.mostData = mostData
  }

  /// - Parameter inPieces: whether the agent takes them.
  func send(_ order: WireRunOrder, inPieces: Bool) -> Reception {
    let size = order.invocation.event.data.count
    let (reception, waiting) = state.withLock {
      state -> (Reception, CheckedContinuation<Void, Never>?) in
      guard !state.isFinished, state.orders.count + state.large.count < limit else {
        return (.over, nil)
      }
      // What has no data, as to cancel something, makes room.
      guard size == 0 || state.data + size <= mostData.bytes else { return (.tooMuchData, nil) }
      state.data += size
      Self.add(order, inPieces, &state)
      defer { state.waiting = nil }
      return (.taken, state.waiting)
    }
    waiting?.resume()
    return reception
  }

  private static func add(_ order: WireRunOrder, _ inPieces: Bool, _ state: inout State) {
    if case .cancel? = order.order {
      for large in state.large where large.id == order.id { state.data -= large.size }
      state.large.removeAll { $0.id == order.id }
    }
    let data = order.invocation.event.data
    guard inPieces, data.count > WireLimits.piece.bytes else { return state.orders.append(order) }
    var beginning = order
    beginning.invocation.event.data = Data()
    beginning.invocation.followingBytes = UInt64(data.count)
    state.orders.append(beginning)
    state.large.append(Large(id: order.id, size: data.count, rest: data))
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
      let order = state.orders.popFirst()
      state.data -= order?.invocation.event.data.count ?? 0
      return order
    }
    guard var event = state.large.popFirst() else { return nil }
    state.sincePiece = 0
    // Its beginning waits behind many others: it goes first.
    if let place = state.orders.firstIndex(where: { $0.id == event.id }) {
      state.large.prepend(event)
      return state.orders.remove(at: place)
    }
    let piece = Data(event.rest.prefix(WireLimits.piece.bytes))
    event.rest = event.rest.dropFirst(WireLimits.piece.bytes)
    if event.rest.isEmpty { state.data -= event.size } else { state.large.append(event) }
    return .with { [id = event.id] in
      $0.id = id
      $0.piece = piece
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
