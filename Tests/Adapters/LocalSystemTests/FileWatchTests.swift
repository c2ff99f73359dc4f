import Foundation
import LocalSystem
import ProcessTesting
import Testing

/// `#expect` takes no mutating calls, so the watch stands behind a reference.
private final class Watched {
  private var watch: FileWatch
  init(_ paths: [String]) { watch = FileWatch(paths) }
  func poll() -> Bool { watch.poll() }
  func follow(_ paths: [String]) { watch.follow(paths) }
}

struct FileWatchTests {
  private let folder = ScratchFolder.path("watch")

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func write(_ text: String, _ name: String = "a") throws -> String {
    let path = folder + "/" + name
    try AtomicFile.write(Array(text.utf8), to: path, mode: 0o644, existing: .replace)
    return path
  }

  @Test func `nothing is told while nothing changes`() throws {
    let watch = Watched([try write("one")])
    for _ in 0..<10 { #expect(!watch.poll()) }
  }

  @Test func `a change is told once, when it has come to rest`() throws {
    let watch = Watched([try write("one")])
    _ = try write("two")
    #expect(!watch.poll())
    #expect(watch.poll())
    #expect(!watch.poll())
  }

  @Test func `a file that goes on changing is not told yet`() throws {
    let watch = Watched([try write("one")])
    for round in 0..<5 {
      _ = try write("round \(round)")
      #expect(!watch.poll())
    }
    #expect(watch.poll())
  }

  @Test func `a file that is written anew is given time to come back`() throws {
    let path = try write("one")
    let watch = Watched([path])
    try FileManager.default.removeItem(atPath: path)
    #expect(!watch.poll())
    #expect(!watch.poll())
    _ = try write("two")
    #expect(!watch.poll())
    #expect(watch.poll())
  }

  @Test func `a file that stays away is told in the end`() throws {
    let path = try write("one")
    let watch = Watched([path])
    try FileManager.default.removeItem(atPath: path)
    var told = 0
    for _ in 0..<20 where watch.poll() { told += 1 }
    #expect(told == 1)
  }

  @Test func `a change is not missed when other files are followed`() throws {
    let path = try write("one")
    let watch = Watched([path])
    _ = try write("two")
    watch.follow([path, try write("other", "b")])
    #expect(!watch.poll())
    #expect(watch.poll())
  }
}
