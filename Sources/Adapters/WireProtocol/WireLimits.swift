import ClusterModel

/// What one end of the wire takes at most, however the other behaves.
enum WireLimits {
  /// Of one message: the largest event or result, its log, and what an activation writes.
  static let message = ByteCount.mebibytes(64)
  /// Frames that may wait to be written on one stream; when they are more, the other end does not read, and
  /// the attachment ends.
  static let waitingFrames = 10_000
  /// Of the data of events that may wait to be written to one agent; while it is more, others are refused at once. As
  /// much as four of the largest events, so that one agent that reads slowly does not take the memory of the others.
  static let waitingData = ByteCount.mebibytes(256)
  /// Invocations that an agent takes at the same time. More would wait in its engine's queue, where the
  /// engine refuses them.
  static let credit: UInt32 = 8_192
  /// Questions of one agent that are being answered; more wait to be read.
  static let openQuestions = 1_024
  /// Attachments of one control plane.
  static let attachments = 100_000
  /// Calls of one connection at a time: an agent has three streams, and one more for each module that it fetches,
  /// which wait for each other when they are more.
  static let streams = 64
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
  /// What this release has beyond version 1 of the wire, at either end. A feature is used where the other end names
  /// it, too: an older one need not know it.
  static let features = [knownOrders, eventPieces, digits]

  /// Of the version of the other end's program, in characters.
  static let maximumVersion = 64

  /// The version of the other end's program as it says it: what cannot be seen is left out, as it is shown to operators.
  ///
  /// - Returns: `nil` when it says none.
  static func version(_ said: String) -> String? {
    let seen = said.utf8.prefix(maximumVersion).filter { $0 > 0x20 && $0 < 0x7f }
    return seen.isEmpty ? nil : String(decoding: seen, as: UTF8.self)
  }
}

/// How long both ends wait for each other.
public enum WireHandshake {
  /// How long an agent may take until it has said hello, and a control plane until it has answered.
  public static let patience = Duration.seconds(20)
  /// How long an agent may take to answer an inquiry; it may be frozen.
  public static let inquiryPatience = Duration.seconds(2)
  /// How long an agent waits for the next piece of a module, over as many attachments as it takes, until it gives the
  /// module up. A control plane that is started anew, and a fleet that attaches to it, need some seconds.
  public static let transferPatience = Duration.seconds(60)
}
