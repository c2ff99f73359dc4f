/// What is done to a node on purpose, to see that others take over and that it comes back.
public enum NodeDisturbance: Hashable, Sendable {
  /// Its agent dies at once.
  case kill
  /// Its agent stands still for so long.
  case freeze(Duration)
  /// It hears nothing of the control plane and is not heard, for so long.
  case partition(Duration)

  /// How long one may last.
  public static let durations = Duration.milliseconds(1)...Duration.seconds(300)
}
