/// Whoever looks after an instance that runs for long: it hears when the instance begins and what it writes, and
/// tells it to end. Called on the thread of the guest, which must not wait.
public protocol InstanceFollower: AnyObject, Sendable {
  /// Its code runs from now on. Called once, or never.
  func began()
  /// It has written to standard output or error. Nothing of that is kept for its report.
  func wrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream)
  /// Whether its standard input has ended, which tells it to end. Until then there is nothing to read there, and
  /// whoever reads waits.
  var inputHasEnded: Bool { get }
  /// Says whom to wake, from whatever thread, when the input has ended; at once when it has already.
  func whenInputEnds(_ wake: @escaping @Sendable () -> Void)
}

/// What a guest writes to.
public enum OutputStream: Hashable, Sendable {
  case output
  case error
}
