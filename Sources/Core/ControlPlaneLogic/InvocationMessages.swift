public import ClusterModel

/// Somebody waits for a module to run on something that belongs to no log.
public struct InvocationWish: Hashable, Sendable {
  public var module: QualifiedName
  public var options: InvocationOptions

  public init(_ module: QualifiedName, _ options: InvocationOptions = InvocationOptions()) {
    self.module = module
    self.options = options
  }
}

/// How an attempt to run an invocation came back.
public enum InvocationEnd: Hashable, Sendable {
  /// It ran to its end: its report is the answer.
  ///
  /// - Parameter isFaultOfNode: whether the node, not the module, was the reason that it failed.
  case answered(isFaultOfNode: Bool)
  /// Nothing ran there.
  case notRun(InvocationRefusal)
  /// The way to the node ended after it was asked: it may have run, or not.
  case lost
  /// What waited for it in the control plane was restarted: it may have run, or not.
  case interrupted
}

/// Why nothing ran where an invocation was sent.
public enum InvocationRefusal: Hashable, Sendable, CaseIterable {
  /// There is no way to the node.
  case unreachable
  /// The placement does not serve there, or not under that fence.
  case notServed
  /// The queue of the node is full.
  case overloaded
}

/// How much is done for an invocation that cannot run at once.
public struct InvocationLimits: Hashable, Sendable {
  /// Invocations that may wait for a placement at the same time: each holds its request in memory, up to
  /// 1 MiB of it, and whoever comes later hears sooner that there is no room. Default: 1000.
  public var waiting = 1000
  /// Times that one is sent somewhere; with the back-offs below about as long as a caller waits who says
  /// nothing. Default: 16.
  public var attempts = 16
  /// The longest wait after all that serve have refused, of which half is drawn; it doubles each time.
  /// Default: 5 ms.
  public var initialBackOff = Duration.milliseconds(5)
  /// Default: 500 ms.
  public var maximumBackOff = Duration.milliseconds(500)

  public init() {}
}
