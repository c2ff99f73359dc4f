internal import Glibc

/// What one connection, and all of them, may take.
enum ConnectionLimits {
  /// Between requests, and for the head of one.
  static let idle = Duration.seconds(60)
  /// For a whole request, from its head to the last byte of its body.
  static let requestReading = Duration.seconds(120)
  /// For a client that has stopped reading its answer.
  static let unreadAnswer = Duration.seconds(60)
  /// For what a refused client still sends, so that it gets to read the answer.
  static let lingering = Duration.seconds(2)
  /// Bytes; the largest known header is a detached signature, 88 KiB in base64.
  static let headerField = 96 << 10
  /// Bytes: 64 extension attributes of 1 KiB, percent-encoded, and room.
  static let headerList = 256 << 10
  static let headerCount = 200
  /// More than these wait in the backlog.
  static let maximumConnections = 16_384
  /// Files that the rest of the program needs when connections take all they can.
  static let reservedFiles = 256

  /// As many connections as are allowed, or as there can be files.
  static func connections() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    let files = Int(clamping: limit.rlim_cur)
    return min(maximumConnections, max(16, files - reservedFiles))
  }
}
