internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle

/// Answers of one JSON value a line, which go on until there is nothing more to say.
enum LineWriter {
  typealias Emit<Line> = (Line) async throws -> Void

  /// Writes what `produce` emits until it returns, the client goes away or the server stops: then it is
  /// cancelled. A client that reads slowly holds it up.
  static func write<Line: Encodable & Sendable>(
    to writer: inout any ResponseBodyWriter, until body: RequestBody,
    _ produce: @escaping @Sendable (Emit<Line>) async throws -> Void
  ) async throws {
    // Only the operation below uses it, and this function waits for that to end.
    nonisolated(unsafe) var operationWriter = writer
    do {
      try await body.consumeWithCancellationOnInboundClose { @Sendable _ in
        try await cancelWhenGracefulShutdown {
          try await produce { line in try await operationWriter.write(ByteBuffer.line(line)) }
        }
      }
    } catch is CancellationError {
      // The client has gone: nobody is left to tell.
    }
  }
}
