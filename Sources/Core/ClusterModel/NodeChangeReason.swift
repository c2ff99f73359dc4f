/// Why a node is in its state: why that changed the last time.
public enum NodeChangeReason: String, Hashable, Sendable, Codable, CaseIterable {
  /// It registered for the first time.
  case registered
  /// The store knows it; it has not been heard yet.
  case expected
  /// It was silent for longer than is usual for it, or than anything may be.
  case silent
  /// It was silent, and is heard again.
  case heardAgain
  /// Another incarnation of it registered.
  case restarted
  case overloaded
  /// Work waits or runs, and its workers do not get on.
  case stuck
  /// Its heartbeats come too rarely.
  case beatsRarely
  /// What made it degraded is over.
  case relieved
  case connectionClosed, processEnded, leftOrderly
  /// What it holds has been compared with what it should hold.
  case adopted
  case forgotten
}
