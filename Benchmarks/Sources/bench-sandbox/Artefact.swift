import CSandbox
import Foundation
import HostPorts
@_spi(Measuring) import WasmtimeEngine

/// From a compiled module in a file to its first result: read, verified, loaded, linked, run.
enum Artefact {
  static func rows(guest: String, count: Int) async throws -> Rows {
    let bytes = try Guest.file(guest)
    let folder = FileManager.default.temporaryDirectory.path + "/bench-sandbox-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // What cannot be removed stays behind, and is named by what it is for.
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let swift = try SwiftSandbox(workers: 1, cacheFolder: folder + "/cache")
    let engine = swift.engine
    defer { engine.stop() }
    let digest = digest(of: bytes)
    _ = try await engine.prepare(bytes, digest: digest)
    let c = CEngine(like: swift)
    let path = folder + "/c"
    let key = [UInt8](repeating: 5, count: 32)
    withExtendedLifetime(c.module(bytes, cs_way_fiber)) {
      cs_artefact_keep($0.pointer, path, key, key.count)
    }
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    let activation = SwiftSandbox.activation()
    return try await Rows(
      "From a compiled module of \(size >> 10) KiB in a file to its first result, and all gone again",
      [
        Rows.Way("C") { count in
          var times = [Int64](repeating: 0, count: count)
          Processor.pin()
          defer { Processor.unpin() }
          let failed = cs_artefact_run(c.pointer, path, key, key.count, count, &times)
          guard failed == 0 else { throw MeasuringFailed("a run of the C program failed") }
          return times
        },
        Rows.Way("Swift, on the worker's thread") {
          try await swift.runOnWorker(activation, $0) {
            try engine.loadHere(bytes, digest: digest)
          }
        },
        Rows.Way("Swift, handed over by a task and awaited, twice") { count in
          var times: [Int64] = []
          for _ in 0..<count {
            let start = cs_clock()
            let module = try await engine.prepare(bytes, digest: digest)
            _ = try await module.run(activation).result.get()
            times.append(cs_clock() - start)
          }
          return times
        },
      ], count: count)
  }
}
