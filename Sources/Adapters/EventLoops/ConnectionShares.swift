import Glibc

/// How the files that the process may have open are shared between those who connect.
///
/// Anybody may connect, as often as they like, and each connection is a file. So each port has a share of its own, and
/// some are in none, for stores, modules and threads: however many connect to one port, the others serve, and the
/// program opens what it needs.
public enum ConnectionShares {
  /// Files that the rest of the program needs when connections take all they can.
  private static let reserved = 256
  /// The HTTP API has no more connections, however many files there may be.
  private static let mostUsers = 16_384
  /// Nor has a port less, where there are so few files that this does not fit.
  private static let least = 64

  /// Connections at the port of agents: a quarter of the files. The units for systemd allow 65,536 of them, which is
  /// 16,384 connections, for a fleet of 10,000 nodes and those of its connections whose ends are gone.
  public static func agents(of files: Int = ConnectionShares.openFiles()) -> Int {
    max(least, files / 4)
  }

  /// Connections at the HTTP API.
  public static func users(of files: Int = ConnectionShares.openFiles()) -> Int {
    min(mostUsers, max(least, files - agents(of: files) - reserved))
  }

  /// How many files this process may have open.
  public static func openFiles() -> Int {
    var limit = rlimit()
    // What systems allow that are not told otherwise.
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }
}
