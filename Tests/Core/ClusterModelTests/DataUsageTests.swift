import ClusterModel
import PropertyTesting
import Testing

@Suite struct DataUsageTests {
  private static let purposes: [DataPurpose] = [.event, .state, .module, .effects]

  private static func usage(quota: ByteCount?) -> DataUsage {
    DataUsage(
      events: .mebibytes(8), state: .mebibytes(4), modules: .mebibytes(2), compiled: .mebibytes(1),
      free: .mebibytes(100), quota: quota)
  }

  @Test func `without a quota there is room for anything`() throws {
    var usage = Self.usage(quota: nil)
    for purpose in Self.purposes { try usage.take(.gibibytes(1000), for: purpose) }
    #expect(usage.total == .mebibytes(15), "nothing was counted")
  }

  @Test func `what is used counts, and what is filled again does not`() throws {
    var usage = Self.usage(quota: .mebibytes(16))
    #expect(usage.room(for: .event) == 1 << 20)
    try usage.take(.mebibytes(1), for: .event)
    #expect(throws: Problem.self) { try usage.take(ByteCount(bytes: 1), for: .module) }
    #expect(usage.room(for: .state) == 0)
  }

  @Test func `what was begun comes to its end in a reserve`() throws {
    var usage = Self.usage(quota: .mebibytes(16))
    try usage.take(.mebibytes(3), for: .effects)
    #expect(throws: Problem.self) { try usage.take(ByteCount(bytes: 1), for: .effects) }
  }

  @Test func `a refusal names the quota, what takes the room, and what to do`() throws {
    var usage = Self.usage(quota: .mebibytes(16))
    let problem = try #require(throws: Problem.self) {
      try usage.take(.mebibytes(2), for: .event)
    }
    #expect(problem.code == "data_quota_reached")
    #expect(problem.category == .overloaded)
    #expect(problem.message.contains("16MiB"))
    for part in ["events 8.0 MiB", "state 4.0 MiB", "modules 2.0 MiB", "compiled code 1.0 MiB"] {
      #expect(problem.cause?.contains(part) == true)
    }
    #expect(problem.next?.contains("--quota-mebibytes") == true)
  }

  @Test func `whatever is asked for, never more is let in than there is room`() async throws {
    let asked = zip(Generator<Int>.int(in: 0...3), Generator<Int>.int(in: 0...3_000_000))
      .array(count: 0...60)
    try await checkProperty("the quota of the data folder holds", cases: 200, asked) { asked in
      let quota = 16 << 20
      var usage = Self.usage(quota: ByteCount(bytes: quota))
      for (purpose, size) in asked {
        let purpose = Self.purposes[purpose]
        let before = usage
        do throws(Problem) {
          try usage.take(ByteCount(bytes: size), for: purpose)
        } catch {
          // A refusal changes nothing, and is right.
          let reserve = purpose == .effects ? quota / 8 : 0
          guard usage == before, before.total.bytes + size > quota + reserve else { return false }
          continue
        }
        guard usage.total.bytes == before.total.bytes + size else { return false }
        guard usage.total.bytes <= quota + quota / 8 else { return false }
        guard purpose == .effects || usage.total.bytes <= quota else { return false }
      }
      return true
    }
  }
}
