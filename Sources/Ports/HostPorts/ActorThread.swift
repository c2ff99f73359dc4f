/// A thread of its own that one actor runs on, so that it gets on whatever Swift's cooperative threads are
/// busy with.
public protocol ActorThread: SerialExecutor {
  /// Calls `ring` once, on this thread, when so much time has passed. It replaces an alarm that was set
  /// before.
  func setAlarm(after wait: Duration, _ ring: @escaping @Sendable () -> Void)
  func cancelAlarm()
  /// Calls `work` on this thread, after what it was given before.
  func perform(_ work: @escaping @Sendable () -> Void)
  /// Does what it was given, and ends. Called when the actor is gone.
  func finish()
}
