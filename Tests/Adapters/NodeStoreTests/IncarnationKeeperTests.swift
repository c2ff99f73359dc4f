import ClusterModel
import DurableSQLite
import Foundation
import NodeStore
import StorageTesting
import Synchronization
import Testing

/// What an agent keeps of its last start, and what it makes of a clock that was set back.
@Suite struct IncarnationKeeperTests {
  private let temporary = TemporaryFolder()
  private let told = Told()

  /// Codes of what was done without.
  private final class Told: Sendable {
    let codes = Mutex<[String]>([])
  }

  private static let now: Int64 = 1_790_000_000_000_000

  init() throws { try SyncedFile.makeFolder(temporary.path) }

  private var file: String { temporary.path + "/incarnation" }
  private var codes: [String] { told.codes.withLock { $0 } }

  private func keeper() -> IncarnationKeeper {
    IncarnationKeeper(in: temporary.path) { [told] problem in
      told.codes.withLock { $0.append(problem.code) }
    }
  }

  /// A start of a process, at a time.
  private func start(at microseconds: Int64 = Self.now) -> UInt64 {
    keeper().next(at: WallInstant(microseconds: microseconds)).number
  }

  private func write(_ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: file))
  }

  private func kept() throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: file)), as: UTF8.self)
  }

  @Test func `a start is on the disk before anybody hears of it`() throws {
    #expect(start() == UInt64(Self.now))
    #expect(try kept() == "\(Self.now)\n")
    #expect(try temporary.permissions(of: "incarnation") == 0o600)
    #expect(codes.isEmpty)
  }

  @Test func `a clock that was set back makes no start older than the one before`() throws {
    let first = start()
    let second = start(at: 1000)
    #expect(second > first)
    #expect(try kept() == "\(second)\n")
    let third = start(at: 0)
    #expect(third > second)
    #expect(codes.isEmpty)
    // Set right, it counts again, once it has come so far.
    #expect(start(at: Self.now + 60_000_000) == UInt64(Self.now) + 60_000_000)
  }

  @Test func `a start while the clock was years ahead does not stand in the way`() throws {
    let ahead = start(at: Self.now * 2)
    #expect(start() > ahead)
    #expect(start() > ahead)
  }

  @Test func `each start within a process is larger, too`() {
    let keeper = keeper()
    let numbers = [Self.now, 0, Self.now, 0].map {
      keeper.next(at: WallInstant(microseconds: $0)).number
    }
    #expect(numbers == numbers.sorted() && Set(numbers).count == 4)
  }

  @Test(arguments: ["", "\n", "17", "x\n", "-1\n", "17\n17\n", "18446744073709551616\n"])
  func `a file that somebody wrote on is told of, and written anew`(text: String) throws {
    try write(text)
    #expect(start() == UInt64(Self.now))
    #expect(codes == ["incarnation_unreadable"])
    #expect(try kept() == "\(Self.now)\n")
    #expect(start(at: 0) > UInt64(Self.now))
    #expect(codes.count == 1)
  }

  @Test func `a file that is too long is damaged`() throws {
    try write(String(repeating: "1", count: 5000) + "\n")
    #expect(start() == UInt64(Self.now))
    #expect(codes == ["incarnation_unreadable"])
  }

  @Test func `the largest number is no end`() throws {
    try write("\(UInt64.max)\n")
    #expect(start() == UInt64(Self.now))
  }

  @Test func `what cannot be kept counts within the process, and is told`() throws {
    // Nothing can be put in the place of a folder that holds something, whoever tries.
    try SyncedFile.makeFolder(file + "/something")
    let keeper = keeper()
    let first = keeper.next(at: WallInstant(microseconds: Self.now))
    #expect(first.number == UInt64(Self.now))
    #expect(codes == ["incarnation_unreadable", "incarnation_unwritable"])
    #expect(keeper.next(at: WallInstant(microseconds: 0)) > first)
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `a full disk ends no start`() throws {
    let disk = try SmallDisk(kibibytes: 64)
    disk.fill()
    let keeper = IncarnationKeeper(in: disk.path) { [told] problem in
      told.codes.withLock { $0.append(problem.code) }
    }
    #expect(keeper.next(at: WallInstant(microseconds: Self.now)).number == UInt64(Self.now))
    #expect(codes == ["incarnation_unwritable"])
    disk.makeRoom()
    #expect(keeper.next(at: WallInstant(microseconds: 0)).number > UInt64(Self.now))
    #expect(codes.count == 1)
  }
}
