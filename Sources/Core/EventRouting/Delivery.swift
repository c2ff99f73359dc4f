import ClusterModel
import DequeModule

/// One event on its way to one module, as the router sees it.
struct Delivery: Sendable {
  enum State: Sendable {
    /// Another one with the same key comes first.
    case held
    /// In its module's lane.
    case waiting
    /// An answer is waited for until a time.
    case running(until: MonotonicInstant)
    /// What became of the last attempt is being made durable, or waits for that.
    case recording(DeliveryChange)
    /// Until a time: to be tried again, or to have its change recorded again.
    case sleeping(thenRecord: DeliveryChange?)
  }

  let id: DeliveryID
  let offset: EventOffset
  let module: QualifiedName
  let footprint: ByteCount
  let orderKey: OrderKey?
  var failedAttempts: Int
  var state: State = .waiting
  /// Failures in a row that were nobody's fault and did not count.
  var postponements = 0
  /// It was replayed before its death was known here to be durable.
  var replay: PendingDelivery?

  init(_ pending: PendingDelivery) {
    id = pending.id
    offset = pending.offset
    module = QualifiedName(pending.namespace, pending.module)
    footprint = pending.footprint
    orderKey = pending.orderKey
    failedAttempts = pending.failedAttempts
  }
}

/// The deliveries of one module with one key: the first of them is in the lane or on its way, the others wait
/// for its end, however often it is tried.
struct OrderedDeliveries: Sendable {
  var first: DeliveryID
  /// In order. Those that have ended meanwhile are still in it.
  var held: Deque<DeliveryID> = []

  /// Puts one where it belongs: mostly at the end.
  mutating func hold(_ id: DeliveryID) {
    var index = held.endIndex
    while index > held.startIndex, id < held[index - 1] { index -= 1 }
    held.insert(id, at: index)
  }
}

/// The deliveries of one module that wait for their turn, first come, first served.
struct Lane: Sendable {
  var waiting: Deque<DeliveryID> = []
  var running = 0
  /// Whether the router's ring holds it.
  var isQueued = false
}

/// When a sleeping delivery wakes.
struct Alarm: Comparable, Sendable {
  let at: MonotonicInstant
  let delivery: DeliveryID

  static func < (left: Self, right: Self) -> Bool {
    (left.at, left.delivery) < (right.at, right.delivery)
  }
}
