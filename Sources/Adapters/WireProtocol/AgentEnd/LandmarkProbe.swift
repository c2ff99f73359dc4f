public import ClusterModel
import NIOCore
import NIOPosix
import Synchronization

/// The gateway of a zone: something that takes connections of TCP.
public struct Landmark: Hashable, Sendable {
  public var zone: Zone
  public var host: String
  public var port: Int

  public init(_ zone: Zone, host: String, port: Int) {
    self.zone = zone
    self.host = host
    self.port = port
  }
}

/// Measures the way to landmarks: a connection of TCP stands after one round trip, and is closed at once.
final class LandmarkProbe: Sendable {
  private let landmarks: [Landmark]
  private let least = Mutex<[Zone: Duration]>([:])

  /// Between two looks at all of them, half of it more or less.
  static let interval = Duration.seconds(5)
  /// What does not answer within this is not there.
  static let patience = Duration.seconds(2)

  init(_ landmarks: [Landmark]) { self.landmarks = landmarks }

  /// Until it is cancelled.
  func run() async throws {
    while true {
      await withTaskGroup(of: Void.self) { group in
        for landmark in landmarks { group.addTask { await self.measure(landmark) } }
      }
      try await Task.sleep(for: Self.interval * Double.random(in: 0.5...1.5))
    }
  }

  /// What does not answer is not measured, and forgotten with time.
  private func measure(_ landmark: Landmark) async {
    do {
      let address = try await NIOThreadPool.singleton.runIfActive {
        try SocketAddress.makeAddressResolvingHost(landmark.host, port: landmark.port)
      }
      let begun = ContinuousClock.now
      let connecting = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connectTimeout(.nanoseconds(Self.patience.nanoseconds)).connect(to: address)
      let taken = connecting.map { _ in ContinuousClock.now - begun }
      let duration = try await taken.get()
      connecting.whenSuccess { $0.close(promise: nil) }
      least.withLock { $0[landmark.zone] = min($0[landmark.zone] ?? duration, duration) }
    } catch {
      return
    }
  }

  /// The shortest ways since this was asked last, sorted.
  func taken() -> [RoundTripSample] {
    least.withLock { least in
      defer { least = [:] }
      return least.keys.sorted().compactMap { zone in
        least[zone].map {
          RoundTripSample(to: .landmark(zone), microseconds: max(1, $0.nanoseconds / 1000))
        }
      }
    }
  }
}
