/// Serves until the task is cancelled: then the listener is closed first, and its connections after it.
///
/// A server that is cancelled while others connect ends the process: a connection that the library has accepted when
/// nobody waits for connections any more fails a precondition of it. And one that is cancelled waits for its
/// connections: those of frozen machines would keep the next server from its port for seconds.
///
/// - Parameters:
///   - executor: where it serves; `nil` for where Swift runs tasks as a rule.
///   - farewell: how long its connections may still take; then it is not waited for any longer.
///   - patience: after how long more it is cancelled. By then it must have taken all connections that were accepted,
///     however busy the machine is.
///   - serve: ends by itself some time after `close`.
///   - close: closes the listener, and tells whoever is connected.
/// - Throws: what `serve` does; `CancellationError` when it was left behind.
public func serveUntilCancelled(
  on executor: (any TaskExecutor)? = nil, farewell: Duration, patience: Duration = .seconds(10),
  _ serve: @escaping @Sendable () async throws -> Void,
  close: @escaping @Sendable () async -> Void
) async throws {
  let end = OneShot<Result<Void, any Error>>()
  let serving = Task(executorPreference: executor) {
    do {
      try await serve()
      end.fill(.success(()))
    } catch {
      end.fill(.failure(error))
    }
  }
  try await withTaskCancellationHandler {
    try await end.value.get()
  } onCancel: {
    Task {
      await close()
      // Cancelled with nothing: it is bounded.
      try? await Task.sleep(for: farewell)
      end.fill(.failure(CancellationError()))
      try? await Task.sleep(for: patience)
      serving.cancel()
    }
  }
}
