import PropertyTesting
import Testing

@testable import WasmtimeEngine

@Suite struct ScratchLedgerTests {
  enum Step: Sendable, CustomStringConvertible {
    case create(UInt64), unlink(UInt64), open(UInt64), close(UInt64), resize(UInt64, Int)
    var description: String {
      switch self {
      case .create(let inode): "create \(inode)"
      case .unlink(let inode): "unlink \(inode)"
      case .open(let inode): "open \(inode)"
      case .close(let inode): "close \(inode)"
      case .resize(let inode, let size): "resize \(inode) to \(size)"
      }
    }
  }

  private static let step = Generator<Step> { choices in
    let inode = Generator<UInt64>.element(of: [1, 2, 3, 4]).generate(&choices)
    let size = Generator<Int>.int(in: 0...150).generate(&choices)
    return Generator<Step>.element(
      of: [.create(inode), .unlink(inode), .open(inode), .close(inode), .resize(inode, size)]
    ).generate(&choices)
  }

  /// A file as the disk has it.
  private struct File {
    var size = 0
    var links = 0
    var opens = 0
  }

  @Test func `the books say what is there, and what is there stays within bounds`() async throws {
    try await checkProperty(
      "the books of a scratch folder are right", cases: 500,
      Self.step.array(count: 0...60)
    ) { steps in
      var ledger = ScratchLedger(mostBytes: 200, mostEntries: 5)
      var files: [UInt64: File] = [:]
      for step in steps {
        switch step {
        case .create(let inode) where ledger.hasRoomForEntry:
          ledger.linked(inode)
          files[inode, default: File()].links += 1
        case .unlink(let inode) where files[inode].map({ $0.links > 0 }) ?? false:
          ledger.removed(inode)
          files[inode]?.links -= 1
        case .open(let inode) where files[inode].map({ $0.links > 0 }) ?? false:
          ledger.opened(inode)
          files[inode]?.opens += 1
        case .close(let inode) where files[inode].map({ $0.opens > 0 }) ?? false:
          ledger.closed(inode)
          files[inode]?.opens -= 1
        case .resize(let inode, let size) where files[inode].map({ $0.opens > 0 }) ?? false:
          guard ledger.allows(size, for: inode) else { break }
          ledger.resized(inode, to: size)
          files[inode]?.size = size
        case _: break
        }
        files = files.filter { $0.value.links > 0 || $0.value.opens > 0 }
        let bytes = files.values.reduce(0) { $0 + $1.size }
        let entries = files.values.reduce(0) { $0 + $1.links }
        guard ledger.bytes == bytes, ledger.entries == entries, bytes <= 200, entries <= 5 else {
          return false
        }
      }
      return true
    }
  }

  @Test func `a file may grow by what is left, and never by more`() {
    var ledger = ScratchLedger(mostBytes: 100, mostEntries: 3)
    ledger.linked(1)
    ledger.linked(2)
    ledger.resized(1, to: 60)
    #expect(ledger.allows(40, for: 2) && !ledger.allows(41, for: 2))
    #expect(ledger.allows(100, for: 1) && !ledger.allows(101, for: 1))
    #expect(!ledger.allows(.max, for: 2))
    ledger.added()
    #expect(!ledger.hasRoomForEntry)
    ledger.removed(nil)
    #expect(ledger.hasRoomForEntry)
  }
}
