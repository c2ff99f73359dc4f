import ClusterModel
import HostPorts
import PropertyTesting
import Testing

@testable import WasmtimeEngine

@Suite struct RunningTests {
  @Test func `the input is transformed into the output at every size`() async throws {
    let module = try await SharedEngine.prepare(Wat.increment)
    for size in [0, 1, 4095, 4096, 4097, 1 << 20, 10 << 20] {
      let input = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
      let report = await module.run(activation(input: input))
      #expect(output(report)?.elementsEqual(input.map { $0 &+ 1 }) == true, "size \(size)")
    }
  }

  @Test func `an exit status other than 0 is a failure that tells it`() async throws {
    let module = try await SharedEngine.prepare(Wat.exit(7))
    let found = failure(await module.run(activation()))
    #expect(found?.code == .guestExited)
    #expect(found?.exitStatus == 7)
    let fine = try await SharedEngine.prepare(Wat.exit(0))
    #expect(output(await fine.run(activation())) == [])
  }

  @Test func `a trap is a failure with its name and the frames of the guest`() async throws {
    let module = try await SharedEngine.prepare(Wat.trap)
    let found = try #require(failure(await module.run(activation())))
    #expect(found.code == .guestTrapped)
    #expect(found.trap == "unreachable")
    #expect(found.frames.first?.functionIndex == 4)
    let beyond = try await SharedEngine.prepare(
      Wat.command("(drop (i32.load (i32.const 0x7fffffff)))"))
    let fault = try #require(failure(await beyond.run(activation())))
    #expect(fault.trap == "memory_out_of_bounds")
    #expect(fault.message == "out of bounds memory access")
  }

  @Test func `endless recursion is a stack overflow, not a crash`() async throws {
    let module = try await SharedEngine.prepare(Wat.recurse)
    let found = failure(await module.run(activation()))
    #expect(found?.code == .stackLimit && found?.trap == "stack_overflow")
  }

  @Test(.timeLimit(.minutes(2)))
  func `a thousand guests sleep at once on two threads`() async throws {
    let module = try await SharedEngine.prepare(Wat.sleep(nanoseconds: 3_600_000_000_000))
    let engine = try SharedEngine.engine.get()
    let sleepers = Task {
      await withTaskGroup(of: ActivationFailure.Code?.self) { group in
        // Longer than the test may take: only cancelling ends them in time.
        let patient = ActivationLimits(wallTime: .seconds(3600))
        for _ in 0..<1000 {
          group.addTask { failure(await module.run(activation(limits: patient)))?.code }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    while engine.facts.liveInstances < 1000 { await Task.yield() }
    // And others run meanwhile.
    let short = try await SharedEngine.prepare(Wat.increment)
    #expect(output(await short.run(activation(input: [1]))) == [2])
    sleepers.cancel()
    #expect(await sleepers.value == Array(repeating: .cancelled, count: 1000))
  }

  @Test func `a guest that sleeps wakes again`() async throws {
    let module = try await SharedEngine.prepare(Wat.sleep(nanoseconds: 5_000_000))
    #expect(output(await module.run(activation())) == [33])
  }

  @Test func `ten thousand concurrent activations are neither lost nor mixed up`() async throws {
    let module = try await SharedEngine.prepare(Wat.increment)
    let wrong = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<10_000 {
        group.addTask {
          let input = Array("payload \(number) \(UInt64.random(in: 0 ... .max))".utf8)
          return output(await module.run(activation(input: input))) != input.map { $0 &+ 1 }
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(wrong == 0)
  }

  // Feature: wasmatrix, Property 13: For any module, every activation is a fresh instance and
  // nothing is kept between them
  @Test func `every activation finds memory and globals as new`() async throws {
    let module = try await SharedEngine.prepare(Wat.counter)
    try await checkProperty(
      "Feature: wasmatrix, Property 13: every activation is a fresh instance, nothing is kept",
      cases: 100, Generator<Int>.int(in: 1...40)
    ) { concurrent in
      let outputs = await withTaskGroup(of: [UInt8]?.self) { group in
        for _ in 0..<concurrent { group.addTask { output(await module.run(activation())) } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      return outputs.count == concurrent && outputs.allSatisfy { $0 == [2] }
    }
  }
}
