/// What one connection may take. How many there are is one of the ``ConnectionShares``.
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
}
