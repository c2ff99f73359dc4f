import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import WasmtimeEngine

/// Answers as a test says, and remembers what was asked.
private final class ScriptedServices: GuestServices {
  private let handler: @Sendable (GuestCall) async -> GuestAnswer
  private let asked = Mutex<[GuestCall]>([])

  init(_ handler: @escaping @Sendable (GuestCall) async -> GuestAnswer = { _ in .done }) {
    self.handler = handler
  }

  var calls: [GuestCall] { asked.withLock { $0 } }

  func denied(_ denial: CapabilityDenial) -> DenialPolicy { .refuse }

  func answer(_ call: GuestCall) async -> GuestAnswer {
    asked.withLock { $0.append(call) }
    return await handler(call)
  }
}

extension Wat {
  /// Writes its input to the platform in pieces of 4 KiB, then reads answers until there are none, and
  /// gives them back, the error number of the last read at the end.
  fileprivate static let relay = command(
    """
    (local $n i32)
    (loop $in
      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $n (i32.load (i32.const 8)))
      (if (local.get $n) (then
        (i32.store (i32.const 4) (local.get $n))
        (i32.store8 (i32.const 1000)
          (call $write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br $in))))
    \(readAll)
    """)

  private static let readAll = """
    (loop $out
      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 7))
      (i32.store (i32.const 8) (i32.const 0))
      (i32.store8 (i32.const 1000)
        (call $read (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $n (i32.load (i32.const 8)))
      (if (local.get $n) (then
        (i32.store (i32.const 4) (local.get $n))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br $out))))
    (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """

  /// Writes its input to the platform, reads nothing, and ends.
  fileprivate static let mute = command(
    """
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
    """)

  /// Writes its input to the platform for ever, and reads nothing.
  fileprivate static let insist = command(
    """
    (local $n i32)
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $n (i32.load (i32.const 8)))
    (loop $l
      (i32.store (i32.const 4) (local.get $n))
      (drop (call $write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $l))
    """)
}

@Suite struct HostCallTests {
  private let set = #"{"set":{"bucket":"b","key":"k","value":"1"}}"#
  private let get = #"{"get":{"bucket":"b","key":"k"}}"#

  private func run(
    _ wat: String, _ input: String, _ services: (any GuestServices)?,
    limits: ActivationLimits = .patient
  ) async throws -> ActivationReport {
    let module = try await SharedEngine.prepare(wat)
    return await module.run(
      Activation(
        arguments: ["test"], environment: [], input: Array(input.utf8), limits: limits,
        services: services))
  }

  private func text(_ report: ActivationReport) -> String? {
    output(report).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func `requests are answered in order, then there is nothing to read`() async throws {
    let services = ScriptedServices { call in
      if case .get = call { return .entry(nil) }
      return .done
    }
    let report = try await run(Wat.relay, "\(set)\n\(get)\n\n\(set)\n", services)
    let expected =
      "{\"ok\":true}\n{\"entry\":null,\"ok\":true}\n{\"ok\":true}\n" + "\0"
    #expect(text(report) == expected)
    #expect(services.calls.map(\.name) == ["set", "get", "set"])
  }

  @Test func `a guest that waits for an answer gets it when it comes`() async throws {
    let gate = AsyncStream.makeStream(of: Void.self)
    let services = ScriptedServices { _ in
      for await () in gate.stream { break }
      return .done
    }
    async let report = run(Wat.relay, "\(set)\n", services)
    while services.calls.isEmpty { await Task.yield() }
    // Others run meanwhile, as many as there are workers.
    for _ in 0..<20 {
      let other = try await SharedEngine.prepare(Wat.increment)
      #expect(output(await other.run(activation(input: [1]))) == [2])
    }
    gate.continuation.yield()
    #expect(text(try await report) == "{\"ok\":true}\n\0")
  }

  @Test func `without a grant there is no such descriptor`() async throws {
    let report = try await run(Wat.relay, "\(set)\n", nil)
    #expect(output(report) == [8], "EBADF, and nothing else")
  }

  @Test func `garbage and lines that are too long are refused, and the guest goes on`() async throws
  {
    let services = ScriptedServices()
    let long = String(repeating: "x", count: GuestLine.maximumLength + 5)
    let report = try await run(Wat.relay, "garbage\n\(long)\n\(set)\n", services)
    let lines = try #require(text(report)).split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines[0].contains("request_invalid") && lines[1].contains("longer than"))
    #expect(lines[2] == "{\"ok\":true}")
    #expect(services.calls.count == 1)
  }

  @Test func `what a guest asked for before it ended is done, also when it does not listen`()
    async throws
  {
    let services = ScriptedServices()
    let report = try await run(
      Wat.mute, String(repeating: set + "\n", count: 100), services)
    #expect(output(report) == [])
    #expect(services.calls.count == 100)
  }

  @Test(arguments: ["{}\n", "\u{1}", "{\"set\":{"])
  func `a guest that does not hear that it was refused has failed`(input: String) async throws {
    let report = try await run(Wat.mute, set + "\n" + input, ScriptedServices())
    #expect(failure(report)?.code == .effectsRefused)
  }

  @Test func `a guest that asks for ever and never listens is ended`() async throws {
    for (input, limits, code) in [
      (set + "\n", ActivationLimits(), ActivationFailure.Code.outstandingCallLimit),
      (set + "\n", ActivationLimits(calls: 10), .hostCallLimit),
      (set + "\n", ActivationLimits(calls: 10, outstandingCalls: 5), .outstandingCallLimit),
      ("x", ActivationLimits(callBytes: .kibibytes(64)), .callBytesLimit),
      ("\n", ActivationLimits(callBytes: .kibibytes(64)), .callBytesLimit),
    ] {
      let report = try await run(Wat.insist, input, ScriptedServices(), limits: limits)
      #expect(failure(report)?.code == code, "\(report.result)")
    }
  }

  @Test func `the time limit holds while a guest waits for an answer`() async throws {
    let gate = AsyncStream.makeStream(of: Void.self)
    let services = ScriptedServices { _ in
      for await () in gate.stream { break }
      return .done
    }
    let report = try await run(
      Wat.relay, set + "\n", services, limits: ActivationLimits(wallTime: .milliseconds(30)))
    #expect(failure(report)?.code == .wallTimeLimit)
    gate.continuation.finish()
  }

  @Test func `cancelling ends a guest that waits for an answer`() async throws {
    let gate = AsyncStream.makeStream(of: Void.self)
    let services = ScriptedServices { _ in
      for await () in gate.stream { break }
      return .done
    }
    let task = Task { try await run(Wat.relay, set + "\n", services) }
    while services.calls.isEmpty { await Task.yield() }
    task.cancel()
    #expect(failure(try await task.value)?.code == .cancelled)
    gate.continuation.finish()
  }

  @Test func `a thousand guests ask at once`() async throws {
    let module = try await SharedEngine.prepare(Wat.relay)
    let wrong = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<1000 {
        group.addTask {
          let services = ScriptedServices { _ in
            .entry(
              GuestEntry(
                key: StateKey(unchecked: "k"), value: Array(String(number).utf8), revision: nil))
          }
          let input = String(repeating: get + "\n", count: 5)
          let report = await module.run(
            Activation(
              arguments: [], environment: [], input: Array(input.utf8),
              limits: .patient, services: services))
          let line = "{\"entry\":{\"key\":\"k\",\"value\":\"\(number)\"},\"ok\":true}\n"
          return text(report) != String(repeating: line, count: 5) + "\0"
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(wrong == 0)
  }
}
