import ClusterModel
import DurableSQLite
import Foundation
import GRDB

/// What a start does with the journal: what the tables do not have yet is put into them.
struct JournalStart {
  let tables: LoggedTables
  let loop: SequencerLoop

  /// Blocks: for the start of a program.
  init(
    _ database: DurableDatabase, in folder: DataFolder, _ report: DamageReport,
    _ deduplication: DeduplicationWindow?
  ) throws(Problem) {
    let (log, applied) = try database.writeAtStart { database in
      let row = try Row.fetchOne(database, sql: "SELECT log, applied FROM journal")
      guard let row else {
        throw StorageProblem.corrupt(report.file, "it says nothing of its journal")
      }
      return (
        UInt64(bitPattern: try row.decode(Int64.self, atIndex: 0)),
        UInt64(bitPattern: try row.decode(Int64.self, atIndex: 1))
      )
    }
    let files = try JournalFiles(in: folder.path)
    do throws(Problem) {
      let frames = try files.frames(of: log).filter { $0.number > applied }
        .sorted { $0.number < $1.number }
      let index = try database.writeAtStart { database in
        let writer = EventWriter(database: database, report: report, settled: SettledTotals())
        try Self.carryOut(frames, after: applied, writer)
        return try EventReader(database: database, report: report).index(deduplication)
      }
      tables = LoggedTables(
        database: database, report: report, deduplication: deduplication, log: log)
      loop = SequencerLoop(
        tables, files, nextFrame: (frames.last?.number ?? applied) + 1, index)
    } catch {
      files.close()
      throw error
    }
  }

  /// A frame that is not whole was being written when the program ended: nobody was told that it is there. But
  /// each is written when the one before it is on the disk, so that one that is missing before others was
  /// damaged since. What was in it is reported, as far as others show what that was.
  private static func carryOut(
    _ frames: [JournalFrame], after applied: UInt64, _ writer: EventWriter
  ) throws {
    var expected = applied + 1
    var nextOffset = try writer.nextNumber(of: "events")
    var folded = FoldedEntries()
    for frame in frames {
      let entries = try entries(of: frame, writer.report)
      let isMissing = frame.number != expected
      for entry in entries {
        for event in entry.events {
          if isMissing { note(nextOffset..<event.offset.number, writer.report) }
          nextOffset = event.offset.number + 1
        }
        try folded.add(entry)
      }
      expected = frame.number + 1
    }
    try writer.apply(folded)
    if let last = frames.last { try writer.hasApplied(last.number) }
  }

  private static func note(_ offsets: Range<Int64>, _ report: DamageReport) {
    for offset in offsets { _ = report.note(EventOffset(offset)) }
  }

  private static func entries(
    of frame: JournalFrame, _ report: DamageReport
  ) throws -> [LogEntry] {
    do throws(DamagedRow) {
      var reader = ByteReader(frame.content)
      var entries: [LogEntry] = []
      for _ in 0..<(try reader.count()) { entries.append(try LogEntry(from: &reader)) }
      return entries
    } catch {
      // Its checksum is right: not the disk, but another release wrote what this one cannot read.
      throw StorageProblem.corrupt(
        report.file, "frame \(frame.number) of its journal cannot be read")
    }
  }
}
