import Logging
import Metrics
import NIOCore
import Synchronization

/// Counts the connections to a port that were refused, and says so now and then.
final class RefusedConnections: Sendable {
  private struct News {
    var toldAt: NIODeadline?
    var untold = 0
  }

  private let news = Mutex<[ConnectionRefusal: News]>([:])
  private let counters: [ConnectionRefusal: Counter]
  private let port: String
  private let logger: Logger

  /// Strangers can make it happen as often as they like.
  private static let interval = TimeAmount.seconds(30)

  /// - Parameter port: whom it is for.
  init(at port: String, _ logger: Logger) {
    self.port = port
    self.logger = logger
    counters = Dictionary(
      uniqueKeysWithValues: ConnectionRefusal.allCases.map { refusal in
        let dimensions = [("port", port), ("reason", refusal.rawValue)]
        return (
          refusal, Counter(label: "wasmatrix_connections_refused_total", dimensions: dimensions)
        )
      })
  }

  func count(_ refusal: ConnectionRefusal, from address: SocketAddress?) {
    counters[refusal]?.increment()
    let now = NIODeadline.now()
    let untold = news.withLock { all -> Int? in
      var news = all[refusal] ?? News()
      defer { all[refusal] = news }
      news.untold += 1
      if let toldAt = news.toldAt, now < toldAt + Self.interval { return nil }
      let untold = news.untold
      news = News(toldAt: now)
      return untold
    }
    guard let untold else { return }
    logger.warning(
      "connections are refused",
      metadata: [
        "port": "\(port)", "reason": "\(refusal.rawValue)", "connections": "\(untold)",
        "newest": "\(address?.ipAddress ?? "-")",
      ])
  }
}
