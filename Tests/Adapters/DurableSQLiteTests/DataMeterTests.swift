import ClusterModel
import DurableSQLite
import Foundation
import StorageTesting
import Testing

@Suite struct DataMeterTests {
  private static func inside(_ size: Int, state: Int, free: Int) -> DataMeter.Inside {
    DataMeter.Inside(
      size: ByteCount(bytes: size), state: ByteCount(bytes: state), free: ByteCount(bytes: free))
  }

  @Test func `each part of the folder is measured where it lies`() throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path + "/data")
    for (name, size) in [
      ("catalog.sqlite", 10), ("catalog.sqlite-wal", 5), ("blobs/sha256/ab/abcd", 100),
      ("cache/x.cwasm", 1000), ("events.sqlite", 7), ("backup/copy", 9999),
    ] {
      let file = URL(filePath: folder.path + "/" + name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(count: size).write(to: file)
    }
    let meter = DataMeter(of: folder, quota: nil)
    let first = try #require(meter.usage)
    #expect(first.events.bytes == 7)
    #expect(first.modules.bytes == 110)
    #expect(first.compiled.bytes == 1000)
    meter.measure(Self.inside(5000, state: 2000, free: 1000))
    let second = try #require(meter.usage)
    #expect(second.events.bytes == 2000)
    #expect(second.state.bytes == 2000)
    #expect(second.free.bytes == 1000)
    #expect(second.total.bytes == 2000 + 2000 + 110 + 1000)
  }

  @Test func `what was let in counts until it is measured`() throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path + "/data")
    let meter = DataMeter(of: folder, quota: .mebibytes(16))
    try meter.take(.mebibytes(10), for: .event)
    #expect(throws: Problem.self) { try meter.take(.mebibytes(10), for: .event) }
    meter.measure(nil)
    #expect(throws: Problem.self) { try meter.take(.mebibytes(10), for: .event) }
    meter.measure(Self.inside(1 << 20, state: 0, free: 0))
    try meter.take(.mebibytes(10), for: .event)
  }
}
