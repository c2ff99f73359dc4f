import ClusterModel
import HostPorts
import Testing

@testable import WasmtimeEngine

@Suite struct LimitTests {
  @Test func `an endless loop ends at its CPU limit`() async throws {
    let module = try await SharedEngine.prepare(Wat.spin)
    let report = await module.run(activation(limits: ActivationLimits(cpuTime: .milliseconds(30))))
    #expect(failure(report)?.code == .cpuTimeLimit)
    #expect(report.usage.cpuTime >= .milliseconds(30))
  }

  @Test func `a guest that sleeps too long ends at its wall limit`() async throws {
    let module = try await SharedEngine.prepare(Wat.sleep(nanoseconds: 3_600_000_000_000))
    let report = await module.run(activation(limits: ActivationLimits(wallTime: .milliseconds(50))))
    #expect(failure(report)?.code == .wallTimeLimit)
  }

  @Test func `memory does not grow past its limit`() async throws {
    let module = try await SharedEngine.prepare(Wat.hog)
    let report = await module.run(activation(limits: ActivationLimits(memory: .mebibytes(8))))
    #expect(failure(report)?.code == .memoryLimit)
    #expect(report.usage.memory <= .mebibytes(8))
  }

  @Test func `a module whose memory begins above the limit does not start`() async throws {
    let module = try await SharedEngine.prepare(
      Wat.command(memory: "(memory (export \"memory\") 64)", "nop"))
    let report = await module.run(activation(limits: ActivationLimits(memory: .mebibytes(1))))
    #expect(failure(report)?.code == .memoryLimit)
  }

  @Test func `a guest that floods its output is ended`() async throws {
    let module = try await SharedEngine.prepare(Wat.flood(1))
    let report = await module.run(activation(limits: ActivationLimits(output: .mebibytes(1))))
    #expect(failure(report)?.code == .outputLimit)
  }

  @Test func `a guest that floods its log is cut off and goes on`() async throws {
    let module = try await SharedEngine.prepare(Wat.flood(2))
    let limits = ActivationLimits(cpuTime: .milliseconds(20), log: .kibibytes(100))
    let report = await module.run(activation(limits: limits))
    #expect(failure(report)?.code == .cpuTimeLimit)
    #expect(report.log.count == 100 << 10 && report.logTruncated)
  }

  @Test func `a worker whose guest spins gets on, and sleeps afterwards`() async throws {
    let engine = try WasmtimeEngine()
    defer { engine.stop() }
    let spinner = try await engine.prepare(
      wasm(Wat.spin), digest: ModuleDigest(sha256: Array(repeating: 1, count: 32)))
    let limits = ActivationLimits(cpuTime: .seconds(60), wallTime: .seconds(600))
    let run = Task { await spinner.run(activation(limits: limits)) }
    var steps: Set<UInt64> = []
    let deadline = ContinuousClock.now + .seconds(30)
    while steps.count < 5, ContinuousClock.now < deadline {
      if let worker = engine.activity.workers.first(where: \.isAwake) { steps.insert(worker.steps) }
      try await Task.sleep(for: .milliseconds(1))
    }
    #expect(steps.count == 5)
    run.cancel()
    _ = await run.value
    while engine.activity.workers.contains(where: \.isAwake), ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(1))
    }
    let isAnyAwake = engine.activity.workers.contains(where: \.isAwake)
    #expect(!isAnyAwake)
  }

  @Test func `spinning guests do not stop short ones`() async throws {
    let spinner = try await SharedEngine.prepare(Wat.spin)
    let short = try await SharedEngine.prepare(Wat.increment)
    // A busy machine makes them wait; only what they use of it is to end them.
    let limits = ActivationLimits(cpuTime: .milliseconds(200), wallTime: .seconds(600))
    let spinners = Task {
      await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<64 {
          group.addTask {
            failure(await spinner.run(activation(limits: limits)))?.code == .cpuTimeLimit
          }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
    }
    var answered = 0
    for number in 0..<200 {
      let input = Array("short \(number)".utf8)
      if output(await short.run(activation(input: input))) == input.map({ $0 &+ 1 }) {
        answered += 1
      }
    }
    #expect(answered == 200)
    #expect(await spinners.value == 64)
  }

  @Test(arguments: [Wat.spin, Wat.sleep(nanoseconds: 3_600_000_000_000)])
  func `cancelling the task ends the guest`(text: String) async throws {
    let module = try await SharedEngine.prepare(text)
    let running = Task { await module.run(activation()) }
    running.cancel()
    #expect(failure(await running.value)?.code == .cancelled)
  }
}
