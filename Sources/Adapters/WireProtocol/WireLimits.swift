import ClusterModel

/// What one end of the wire takes at most, however the other behaves.
enum WireLimits {
  /// Of one message: the largest event or result, its log, and what an activation writes.
  static let message = ByteCount.mebibytes(64)
  /// Frames that may wait to be written on one stream; when they are more, the other end does not read, and
  /// the attachment ends.
  static let waitingFrames = 10_000
  /// Invocations that an agent takes at the same time. More would wait in its engine's queue, where the
  /// engine refuses them.
  static let credit: UInt32 = 8_192
  /// Questions of one agent that are being answered; more wait to be read.
  static let openQuestions = 1_024
  /// Attachments of one control plane.
  static let attachments = 100_000
  /// Of a module, in one chunk.
  static let chunk = ByteCount.kibibytes(256)
  /// Of the data of an event that are written at a time on the Run stream: other orders come in between.
  static let piece = ByteCount.kibibytes(64)
  /// Orders that may come before a piece that waits: large events get on, too.
  static let ordersBeforePiece = 16
  /// A module is not believed to be larger.
  static let module = ByteCount.gibibytes(1)
  /// How long an agent that leaves waits until the control plane has heard of it.
  static let farewell = Duration.seconds(1)
  /// How long the connections of a server that closes may still take. Others wait for the next server meanwhile.
  static let closing = Duration.milliseconds(100)
}

/// What both ends say of themselves in their first frame.
enum WireGreeting {
  static let sessionKey = "wasmatrix-session"
  static let sessionBytes = 16
  /// An agent that takes orders without the documents that it was sent in the plan before.
  static let knownOrders = "known-orders"
  /// An agent takes events in pieces.
  static let eventPieces = "event-pieces"
  /// An agent reads bytes in documents that are written as digits.
  static let digits = "digits"
}

/// How long both ends wait for each other.
public enum WireHandshake {
  /// How long an agent may take until it has said hello, and a control plane until it has answered.
  public static let patience = Duration.seconds(20)
  /// How long an agent may take to answer an inquiry; it may be frozen.
  public static let inquiryPatience = Duration.seconds(2)
}
