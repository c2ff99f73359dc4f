import ClusterModel
import Logging
import NIOCore
import Synchronization

/// Bounds how many connections a port has, and how long one may take until it is known whose it is: does what
/// ``ConnectionPlaces`` decides.
///
/// Each takes a file, and stores and journals need files, too. Whose it is becomes known by its first call: no stranger
/// gets that far where a certificate of the cluster is asked for.
final class ConnectionLimit: Sendable {
  private typealias Places = ConnectionPlaces<ObjectIdentifier>

  private struct State {
    var places: Places
    var open: [ObjectIdentifier: Open] = [:]
    var byPeer: [String: ObjectIdentifier] = [:]
  }

  private struct Open {
    let channel: any Channel
    let peer: String?
    var impatience: Scheduled<Void>?
  }

  private let patience: Duration
  private let refused: RefusedConnections
  private let state: Mutex<State>

  /// - Parameter port: whom it is for, as metrics and the log say.
  init(_ bounds: ConnectionBounds, at port: String, _ logger: Logger) {
    patience = bounds.patience
    refused = RefusedConnections(at: port, logger)
    state = Mutex(State(places: Places(bounds)))
  }

  /// One has connected.
  func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
    let (id, address) = (ObjectIdentifier(channel), channel.remoteAddress)
    let peer = address.flatMap(Self.peer)
    let origin = ConnectionOrigin(address)
    let now = MonotonicInstant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    let (admission, former) = state.withLock { state -> (Places.Admission, (any Channel)?) in
      let admission = state.places.admit(id, from: origin, at: now)
      var former: (any Channel)?
      switch admission {
      case .refused: return (admission, former)
      case .admittedInsteadOf(let other): former = state.open[other]?.channel
      case .admitted: break
      }
      state.open[id] = Open(channel: channel, peer: peer)
      if let peer { state.byPeer[peer] = id }
      return (admission, former)
    }
    if case .refused(let refusal) = admission {
      refused.count(refusal, from: address)
      // It was made ready for the server, which takes it over and finds it closed.
      return channel.close()
    }
    if let former { close(former, because: .displaced) }
    watch(channel, id)
    return channel.eventLoop.makeSucceededVoidFuture()
  }

  private func watch(_ channel: any Channel, _ id: ObjectIdentifier) {
    VanishedPeers.watch(channel)
    let impatience: Scheduled<Void> = channel.eventLoop.scheduleTask(
      in: .nanoseconds(patience.nanoseconds)
    ) { [weak self] in
      if let self { self.giveUp(id) }
    }
    state.withLock { $0.open[id]?.impatience = impatience }
    channel.closeFuture.whenComplete { [weak self] _ in
      if let self { self.forget(id) }
    }
  }

  private func giveUp(_ id: ObjectIdentifier) {
    let channel = state.withLock { state in
      state.places.isWaiting(id) ? state.open[id]?.channel : nil
    }
    if let channel { close(channel, because: .silent) }
  }

  private func close(_ channel: any Channel, because refusal: ConnectionRefusal) {
    refused.count(refusal, from: channel.remoteAddress)
    channel.close(promise: nil)
  }

  private func forget(_ id: ObjectIdentifier) {
    let impatience = state.withLock { state -> Scheduled<Void>? in
      state.places.remove(id)
      let open = state.open.removeValue(forKey: id)
      if let peer = open?.peer, state.byPeer[peer] == id { state.byPeer[peer] = nil }
      return open?.impatience
    }
    impatience?.cancel()
  }

  /// A call on a connection says whose it is, where whoever takes the call looks at that.
  func noteStream(_ stream: any Channel) -> EventLoopFuture<Void> {
    if let id = stream.parent.map({ ObjectIdentifier($0) }) { keep(id, of: nil) }
    return stream.eventLoop.makeSucceededVoidFuture()
  }

  /// It is known whose a connection is.
  ///
  /// - Parameter peer: its other end, as `ServerContext.remotePeer` has it.
  func keep(_ peer: String, of owner: String) {
    let id = state.withLock { $0.byPeer[peer] }
    if let id { keep(id, of: owner) }
  }

  private func keep(_ id: ObjectIdentifier, of owner: String?) {
    let (impatience, former) = state.withLock { state -> (Scheduled<Void>?, (any Channel)?) in
      var former: (any Channel)?
      if let other = state.places.keep(id, of: owner) { former = state.open[other]?.channel }
      let impatience = state.open[id]?.impatience
      state.open[id]?.impatience = nil
      return (impatience, former)
    }
    impatience?.cancel()
    if let former { close(former, because: .older) }
  }

  /// The text by which calls know the other end.
  private static func peer(_ address: SocketAddress) -> String? {
    guard let port = address.port else { return nil }
    return switch address {
    case .v4(let address): "ipv4:\(address.host):\(port)"
    case .v6(let address): "ipv6:[\(address.host)]:\(port)"
    case .unixDomainSocket: nil
    }
  }
}
