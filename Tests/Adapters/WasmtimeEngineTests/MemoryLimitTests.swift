import ClusterModel
import HostPorts
import PropertyTesting
import Testing

@testable import WasmtimeEngine

/// The limit of memory holds for all memories and tables of an instance together.
@Suite struct MemoryLimitTests {
  private static let page = 64 << 10

  /// Grows everything it has until nothing grows any more, one element or page of each in turn, and writes
  /// what it has then.
  private static func glutton(memories: [String], tables: [String] = []) -> String {
    let grow =
      memories.indices.map {
        "(if (i32.ne (memory.grow \($0) (i32.const 1)) (i32.const -1)) (then (br $l)))"
      }
      + tables.indices.map {
        "(if (i32.ne (table.grow \($0) (ref.null func) (i32.const 1024)) (i32.const -1)) (then (br $l)))"
      }
    let write = memories.indices.map {
      "(i32.store 0 (i32.const \(16 + 4 * $0)) (memory.size \($0)))"
    }
    let sizes = tables.indices.map {
      "(i32.store 0 (i32.const \(16 + 4 * (memories.count + $0))) (table.size \($0)))"
    }
    return """
      (module
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") \(memories[0]))
        \(memories.dropFirst().map { "(memory \($0))" }.joined())
        \(tables.map { "(table \($0) funcref)" }.joined())
        (func (export "_start")
          (loop $l \(grow.joined(separator: " ")))
          \((write + sizes).joined(separator: " "))
          (i32.store 0 (i32.const 0) (i32.const 16))
          (i32.store 0 (i32.const 4) (i32.const \(4 * (memories.count + tables.count))))
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
      """
  }

  /// What the guest says of its memories in bytes, and of its tables.
  private func sizes(
    _ text: String, memories: Int, limit: ByteCount
  ) async throws -> (each: [Int], sum: Int, report: ActivationReport) {
    let module = try await SharedEngine.prepare(text)
    let report = await module.run(activation(limits: ActivationLimits(memory: limit)))
    let bytes = try #require(output(report), "\(report.result)")
    let numbers = stride(from: 0, to: bytes.count, by: 4).map { start in
      (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
    }
    let each = numbers.enumerated().map {
      $0.offset < memories ? $0.element * Self.page : $0.element * MemoryNeeds.elementBytes
    }
    return (each, each.reduce(0, +), report)
  }

  @Test func `several memories share the limit`() async throws {
    let text = Self.glutton(memories: ["1", "1", "1"])
    let (each, sum, report) = try await sizes(text, memories: 3, limit: .mebibytes(3))
    #expect(each == [1 << 20, 1 << 20, 1 << 20])
    #expect(report.usage.memory.bytes >= sum && report.usage.memory <= .mebibytes(3))
  }

  @Test func `what a memory cannot use is left to the others`() async throws {
    let text = Self.glutton(memories: ["1", "1 2"])
    let (each, _, _) = try await sizes(text, memories: 2, limit: .mebibytes(1))
    #expect(each == [14 * Self.page, 2 * Self.page])
  }

  @Test func `tables count as memory, at their largest`() async throws {
    let text = Self.glutton(memories: ["1"], tables: ["1", "10 20"])
    let (each, sum, report) = try await sizes(text, memories: 1, limit: .mebibytes(2))
    #expect(each[1] > 500_000 && each[0] > 1 << 20)
    #expect(sum <= 2 << 20 && report.usage.memory.bytes >= sum)
  }

  @Test func `a memory that is not exported counts at its largest`() async throws {
    let module = try await SharedEngine.prepare(
      "(module (memory 1 32) (func (export \"_start\")))")
    let report = await module.run(activation(limits: ActivationLimits(memory: .mebibytes(16))))
    #expect(report.usage.memory == .mebibytes(2))
  }

  @Test(arguments: ["(memory 1) (memory 20)", "(memory 16) (table 1 funcref)"])
  func `what begins beyond the limit does not start`(text: String) async throws {
    let module = try await SharedEngine.prepare("(module \(text) (func (export \"_start\")))")
    let report = await module.run(activation(limits: ActivationLimits(memory: .mebibytes(1))))
    #expect(failure(report)?.code == .memoryLimit)
  }

  @Test(arguments: [
    "(memory 1) (memory 1) (memory 1) (memory 1) (memory 1)",
    "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)",
    "(table 65537 funcref)", "(table 1 externref)", "(tag $t (param i32))",
    "(global externref (ref.null extern))", "(memory i64 1)", "(memory 1 2 shared)",
  ])
  func `what could hold memory that is not counted is refused`(text: String) async throws {
    let problem = await #expect(throws: Problem.self) {
      try await SharedEngine.prepare("(module \(text) (func (export \"_start\")))")
    }
    #expect(problem?.code == "module_invalid")
  }

  @Test func `memories and tables never hold more than the limit together`() async throws {
    typealias Case = (memories: [MemoryNeeds.Memory], tables: Int, limit: Int)
    let pages = Generator<Int>.int(in: 0...200)
    let memory = Generator<MemoryNeeds.Memory> { choices in
      let minimum = pages.generate(&choices) / 20
      let more = pages.optional().generate(&choices)
      return MemoryNeeds.Memory(
        minimum: minimum * Self.page, maximum: more.map { (minimum + $0) * Self.page })
    }
    let cases = Generator<Case> { choices in
      (
        memory.array(count: 0...4).generate(&choices),
        Generator<Int>.int(in: 0...(1 << 20)).generate(&choices),
        Generator<Int>.int(in: 1...(16 << 20)).generate(&choices)
      )
    }
    try await checkProperty("memories and tables stay within the limit", cases: 500, cases) {
      (memories, tables, limit) in
      let needs = MemoryNeeds(memories: memories, tableBytes: tables)
      guard let plan = needs.plan(within: ByteCount(bytes: limit)) else {
        // Refused only if an even share is not enough for one of them.
        let share = max(limit - tables, 0) / max(memories.count, 1)
        return limit < tables || memories.contains { $0.minimum > share }
      }
      let largest = memories.map { min($0.maximum ?? plan.share, plan.share) }
      return largest.reduce(tables, +) <= limit && plan.unseen <= limit
        && memories.allSatisfy { $0.minimum <= plan.share }
    }
  }

  @Test func `no bytes make the reader of needs fail otherwise than by saying so`() async throws {
    let valid = try wasm(Self.glutton(memories: ["1", "1 2"], tables: ["3 4"]))
    let expected = MemoryNeeds(
      memories: [.init(minimum: Self.page), .init(minimum: Self.page, maximum: 2 * Self.page)],
      tableBytes: 4 * MemoryNeeds.elementBytes, observed: 0)
    #expect(try MemoryNeeds(valid) == expected)
    let mutations = Generator<[(Int, UInt8)]> { choices in
      let place = Generator<Int>.int(in: 0...(valid.count - 1))
      return (0..<4).map { _ in
        (place.generate(&choices), Generator<UInt8>.int(in: 0...255).generate(&choices))
      }
    }
    try await checkProperty("any bytes are needs or a problem", cases: 2000, mutations) { changes in
      var bytes = valid
      for (place, byte) in changes { bytes[place] = byte }
      if let first = changes.first?.0 { bytes.removeLast(first % 8) }
      guard let needs = try? MemoryNeeds(bytes) else { return true }
      return needs.memories.count <= InstanceLimits.memories
    }
  }
}
