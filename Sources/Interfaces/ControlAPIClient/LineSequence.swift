internal import AsyncHTTPClient
internal import ClusterModel
internal import ControlAPIModel
internal import NIOCore

/// An answer that comes line by line, each a JSON value. Reading slowly slows the server down;
/// dropping the sequence ends the request. Throws a ``Problem``.
public struct LineSequence<Line: Decodable & Sendable>: AsyncSequence, Sendable {
  public typealias Element = Line

  let body: HTTPClientResponse.Body
  let server: ServerAddress

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(pieces: body.makeAsyncIterator(), server: server)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    var pieces: HTTPClientResponse.Body.AsyncIterator
    let server: ServerAddress
    private var splitter = LineSplitter()

    init(pieces: HTTPClientResponse.Body.AsyncIterator, server: ServerAddress) {
      self.pieces = pieces
      self.server = server
    }

    /// The next line; `nil` at the end of the answer.
    @concurrent
    public mutating func next() async throws -> Line? {
      do {
        while true {
          if let line = try splitter.next() { return try decode(line) }
          guard let piece = try await pieces.next() else {
            return try splitter.finish().map { try decode($0) }
          }
          splitter.append(piece.readableBytesView)
        }
      } catch {
        throw APIClient.problem(of: error, server: server)
      }
    }

    private func decode(_ line: [UInt8]) throws(Problem) -> Line {
      do {
        return try APIJSON.decode(Line.self, from: line)
      } catch {
        throw Problem(
          .internalFault, code: "answer_unexpected",
          "\(server.base) sent a line that is not this API's", cause: "\(error)")
      }
    }
  }
}

/// Cuts bytes into lines; empty ones are skipped.
struct LineSplitter {
  /// A line holds at most a page of deployments or one line of a log.
  static let maximumLine = ByteCount.mebibytes(64)

  private var pending: [UInt8] = []
  private var start = 0
  private var scanned = 0

  mutating func append(_ bytes: some Sequence<UInt8>) {
    if start > 0 {
      pending.removeFirst(start)
      scanned -= start
      start = 0
    }
    pending.append(contentsOf: bytes)
  }

  /// The next whole line, without its end.
  mutating func next() throws(Problem) -> [UInt8]? {
    while let end = pending[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = pending[start..<end]
      start = end + 1
      scanned = start
      if !line.isEmpty { return [UInt8](line) }
    }
    scanned = pending.count
    guard pending.count - start <= Self.maximumLine.bytes else {
      throw Problem(
        .tooLarge, code: "answer_too_large", "a line of the answer is too long")
    }
    return nil
  }

  /// What is left when no more comes.
  mutating func finish() -> [UInt8]? {
    defer { (pending, start, scanned) = ([], 0, 0) }
    return start < pending.count ? [UInt8](pending[start...]) : nil
  }
}
