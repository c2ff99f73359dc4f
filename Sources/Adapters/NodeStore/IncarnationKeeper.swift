public import ClusterModel
import DurableSQLite
import Synchronization

/// Gives each start of a node's agent a larger incarnation than the one before it, whatever the
/// clock says: the last one is kept in the file `incarnation` of the agent's data folder, as a
/// decimal number in a line. Without that a machine whose clock was set back, or that boots before
/// it is told the time, would be refused as older than its own last start, for good.
///
/// Of a machine and its copy, the one that started last has the larger one while clocks are right.
public final class IncarnationKeeper: Sendable {
  private let file: String
  private let onTrouble: @Sendable (Problem) -> Void
  /// The last one of this process: it counts also where nothing can be kept.
  private let last = Mutex<Incarnation?>(nil)

  /// The longest number, and a little.
  private static let longest = ByteCount.kibibytes(4)

  /// - Parameters:
  ///   - folder: the data folder of the agent.
  ///   - onTrouble: hears of what cannot be read or kept, and is done without.
  public init(in folder: String, onTrouble: @escaping @Sendable (Problem) -> Void) {
    file = folder + "/incarnation"
    self.onTrouble = onTrouble
  }

  /// The one of a start now; it is on the disk when this returns. Blocks.
  ///
  /// A node that starts with the clock alone is worth more than one that does not start: neither a
  /// damaged file nor a disk that is full or read-only is a reason to have none.
  public func next(at now: WallInstant) -> Incarnation {
    last.withLock { last in
      var random = SystemRandomNumberGenerator()
      let known = [last, kept()].compactMap { $0 }.max()
      let next = Incarnation.next(after: known, at: now, using: &random)
      keep(next)
      last = next
      return next
    }
  }

  private func kept() -> Incarnation? {
    do throws(Problem) {
      return try read()
    } catch {
      onTrouble(
        Problem(
          .internalFault, code: "incarnation_unreadable",
          "the last start of this agent is not known, as \(file) cannot be read",
          cause: error.cause ?? error.message,
          next: "Its clock alone counts now: see that it is right. The file is written anew."))
      return nil
    }
  }

  private func read() throws(Problem) -> Incarnation? {
    guard let bytes = try SyncedFile.read(file, limit: Self.longest) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasSuffix("\n"), let number = UInt64(text.dropLast()) else {
      throw StorageProblem.corrupt(file, "it does not name an incarnation")
    }
    return Incarnation(number)
  }

  private func keep(_ incarnation: Incarnation) {
    do throws(Problem) {
      try SyncedFile.write(
        Array("\(incarnation.number)\n".utf8), to: file, through: file + ".incoming")
    } catch {
      onTrouble(
        Problem(
          .unavailable, code: "incarnation_unwritable",
          "this start of the agent cannot be kept in \(file)", cause: error.cause ?? error.message,
          next: "Make room, and the folder writable: a start with a clock that is behind this one "
            + "is refused else."))
    }
  }
}
