import HostPorts
import Measuring

/// Short requests, one at a time, beside a thousand guests that never end.
struct Spinners: Encodable {
  let spinners: Int
  let workers: Int
  let without: Times
  let beside: Times

  init(guest: String, guests: String, spinners: Int, count: Int) async throws {
    let sandbox = try SwiftSandbox(workers: 2)
    defer { sandbox.engine.stop() }
    let short = try sandbox.module(Guest.file(guest))
    let spin = try sandbox.module(Guest.file(guests + "/spin.wasm"))
    let activation = SwiftSandbox.activation(Guest.input)
    _ = try await sandbox.runAwaited(short, activation, count / 10)
    without = Times(try await sandbox.runAwaited(short, activation, count))
    beside = try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<spinners {
        group.addTask { _ = await spin.run(SwiftSandbox.activation()) }
      }
      while sandbox.engine.facts.liveInstances < spinners {
        try await Task.sleep(for: .milliseconds(10))
      }
      let times = Times(try await sandbox.runAwaited(short, activation, count))
      group.cancelAll()
      return times
    }
    self.spinners = spinners
    workers = sandbox.configuration.workers
  }

  var text: String {
    """
    Short requests, handed over by a task and awaited, one at a time, \(workers) workers, microseconds.

    | | n | p50 | p99 |
    |---|---|---|---|
    | nothing else runs | \(without.count) | \(Times.text(without.p50)) | \(Times.text(without.p99)) |
    | beside \(spinners) guests that never end | \(beside.count) | \(Times.text(beside.p50)) | \(Times.text(beside.p99)) |

    """
  }
}
