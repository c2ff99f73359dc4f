/// How somebody who waits for a module wants it run.
public struct InvocationOptions: Hashable, Sendable {
  /// How long they wait for the answer; `nil` for the wall time that the deployment allows and
  /// ``defaultPatience`` together.
  public var timeout: Duration?
  /// Whether running it twice does no more than running it once: then it is run again when it is not
  /// known what became of it. What a deployment says of all its invocations need not be said here.
  public var isIdempotent: Bool

  /// Where the caller is; `nil` for where requests enter.
  public var place: CallerPlace?

  /// How long an invocation looks for a node that runs it, when its caller says nothing: longer than it
  /// takes to notice that a node is gone and to let another serve.
  public static let defaultPatience = Duration.seconds(5)
  public static let timeoutRange: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)

  public init(
    timeout: Duration? = nil, isIdempotent: Bool = false, place: CallerPlace? = nil
  ) {
    self.place = place
    self.timeout = timeout
    self.isIdempotent = isIdempotent
  }
}
