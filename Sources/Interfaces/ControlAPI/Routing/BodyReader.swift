internal import ClusterModel
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The body of a request in memory; gives its bytes back to the budget when it goes.
final class HeldBody: Sendable {
  let bytes: [UInt8]
  private let budget: ByteBudget

  init(_ bytes: [UInt8], budget: ByteBudget) {
    self.bytes = bytes
    self.budget = budget
  }

  deinit { budget.give(bytes.count) }
}

/// Reads bodies within bounds: of one request, and of all that are read at the same time.
struct BodyReader: Sendable {
  let budget: ByteBudget

  /// - Throws: ``Problem`` with `body_too_large` before more than `maximum` bytes were read,
  ///   `body_cut_off` when fewer came than were announced, `overloaded`.
  func read(_ request: Request, upTo maximum: ByteCount) async throws(Problem) -> HeldBody {
    let announced = try Self.announcedLength(request.headers)
    if let announced, announced > maximum.bytes { throw Self.tooLarge(maximum) }
    var bytes: [UInt8] = []
    if let announced {
      guard budget.take(announced) else { throw Self.overloaded() }
      bytes.reserveCapacity(announced)
    }
    var taken = announced ?? 0
    do throws(Problem) {
      try await collect(request.body, into: &bytes, taken: &taken, maximum: maximum)
      guard announced == nil || announced == bytes.count else { throw Self.cutOff() }
    } catch {
      budget.give(taken)
      throw error
    }
    return HeldBody(bytes, budget: budget)
  }

  private func collect(
    _ body: RequestBody, into bytes: inout [UInt8], taken: inout Int, maximum: ByteCount
  ) async throws(Problem) {
    do {
      for try await piece in body {
        guard bytes.count + piece.readableBytes <= maximum.bytes else {
          throw Self.tooLarge(maximum)
        }
        let more = bytes.count + piece.readableBytes - taken
        if more > 0 {
          guard budget.take(more) else { throw Self.overloaded() }
          taken += more
        }
        bytes.append(contentsOf: piece.readableBytesView)
      }
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Self.cutOff()
    }
  }

  /// `nil` when the body comes in chunks, or there is none.
  private static func announcedLength(_ headers: HTTPFields) throws(Problem) -> Int? {
    guard let text = headers[.contentLength] else { return nil }
    guard let length = Int(text), length >= 0 else {
      throw Problem(
        .invalidInput, code: "length_invalid", "Content-Length is no number: \(text.prefix(40))")
    }
    return length
  }

  private static func tooLarge(_ maximum: ByteCount) -> Problem {
    Problem(
      .tooLarge, code: "body_too_large", "the body is larger than \(maximum)",
      next: "Send at most \(maximum.bytes) bytes.")
  }

  private static func cutOff() -> Problem {
    Problem(
      .invalidInput, code: "body_cut_off", "the body ended before it was whole",
      next: "Send it again.")
  }

  private static func overloaded() -> Problem {
    Problem(
      .overloaded, code: "overloaded", "too many large requests at the same time",
      next: "Try again in a moment.")
  }
}
