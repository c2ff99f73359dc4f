import GRPCCore

extension GRPCServer {
  /// Serves until the task is cancelled: then the listener is closed first, and its connections after it.
  ///
  /// A server that is cancelled while others connect ends the process: a connection that the library has accepted when
  /// nobody waits for connections any more fails a precondition of it.
  ///
  /// - Parameters:
  ///   - executor: where calls are handled; `nil` for where Swift runs tasks as a rule.
  ///   - onCancel: ends the calls that would last. Those that do all the same are cancelled after
  ///     ``WireLimits/farewell``.
  func serveUntilCancelled(
    on executor: (any TaskExecutor)? = nil, onCancel: @escaping @Sendable () -> Void
  ) async throws {
    let serving = Task(executorPreference: executor) { try await self.serve() }
    try await withTaskCancellationHandler {
      try await serving.value
    } onCancel: {
      onCancel()
      self.beginGracefulShutdown()
      Task {
        // Not cancelled with anything: it is bounded.
        try? await Task.sleep(for: WireLimits.farewell)
        serving.cancel()
      }
    }
  }
}
