import ClusterModel

/// A service that opens a resource, lends it through a ``ResourceSlot``, and closes it at its end or when
/// a user says that it is broken.
public struct ResourceOwner<Resource: Sendable>: SupervisedService {
  private let slot: ResourceSlot<Resource>
  private let open: @Sendable () async throws -> Resource
  private let close: @Sendable (Resource) async throws -> Void

  /// - Parameters:
  ///   - open: what it throws fails the start.
  ///   - close: lets every use that has begun come to a definite end.
  public init(
    of slot: ResourceSlot<Resource>, open: @escaping @Sendable () async throws -> Resource,
    close: @escaping @Sendable (Resource) async throws -> Void
  ) {
    self.slot = slot
    self.open = open
    self.close = close
  }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    let resource = try await open()
    let complaints = slot.put(resource)
    ready()
    // Ends without one when the task is cancelled.
    var broken: Problem?
    for await problem in complaints {
      broken = problem
      break
    }
    slot.withdraw()
    try await close(resource)
    if let broken { throw broken }
  }
}
