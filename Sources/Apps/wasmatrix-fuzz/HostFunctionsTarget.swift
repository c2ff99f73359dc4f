import ClusterModel
import HostPorts
import WasmtimeEngine

/// Something that is fuzzed: a case is made of a seed and a number alone.
protocol FuzzTarget: Sendable {
  /// The modules of a case, to be kept when it fails.
  func inputs(_ random: inout FuzzRandom) -> [[UInt8]]
  /// Runs a case.
  ///
  /// - Throws: ``Violation`` when what must hold did not.
  func run(_ inputs: [[UInt8]], _ random: inout FuzzRandom, _ coverage: inout FuzzCoverage)
    async throws
}

/// What must hold did not.
struct Violation: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// How often each thing was seen: what a run did not reach is visible.
struct FuzzCoverage {
  private(set) var counts: [String: Int] = [:]
  mutating func saw(_ thing: String) { counts[thing, default: 0] += 1 }
}

/// Guests that call every host function with anything, several at a time. Each call answers with an error
/// number or ends its instance; a guest beside them finds its memory as it left it.
struct HostFunctionsTarget: FuzzTarget {
  let engine: WasmtimeEngine
  let witness: any PreparedModule

  init(_ engine: WasmtimeEngine) async throws {
    self.engine = engine
    let module = WitnessGuest.module(WasmtimeEngine.guestImports)
    witness = try await engine.prepare(module, digest: ModuleTarget.digest(of: module))
  }

  func inputs(_ random: inout FuzzRandom) -> [[UInt8]] {
    (0..<random.number(1...4)).map { _ in
      HostileGuest(WasmtimeEngine.guestImports, &random).module
    }
  }

  func run(
    _ inputs: [[UInt8]], _ random: inout FuzzRandom, _ coverage: inout FuzzCoverage
  ) async throws {
    var guests: [(any PreparedModule, Activation)] = []
    for module in inputs {
      let prepared = try await engine.prepare(
        module, digest: ModuleTarget.digest(of: module), startingWith: .quick)
      guests.append((prepared, Self.activation(&random)))
    }
    let isCancelled = random.once(in: 20)
    let seen = try await withThrowingTaskGroup(of: [String].self) { group in
      group.addTask { [witness] in
        try Self.check(await witness.run(Self.plain(input: [7])))
        return []
      }
      for (module, activation) in guests {
        group.addTask { try Self.look(at: await module.run(activation)) }
      }
      if isCancelled { group.cancelAll() }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    for thing in seen { coverage.saw(thing) }
  }

  private static func plain(input: [UInt8]) -> Activation {
    Activation(
      arguments: ["witness"], environment: [], input: input,
      limits: ActivationLimits(cpuTime: .seconds(60), wallTime: .seconds(600)))
  }

  private static func check(_ report: ActivationReport) throws {
    switch report.result {
    case .success(let bytes):
      guard bytes == WitnessGuest.expected else {
        throw Violation("a guest found its memory changed by others: \(bytes.prefix(32))")
      }
    case .failure(let failure):
      guard failure.code == .cancelled else { throw Violation("the witness failed: \(failure)") }
    }
  }

  private static func look(at report: ActivationReport) throws -> [String] {
    switch report.result {
    case .success(let bytes):
      return ["ended: ok"] + HostileGuest.answers(in: bytes, WasmtimeEngine.guestImports)
    case .failure(let failure):
      if failure.trap == "unreachable" {
        throw Violation("a host function answered with what is no error number: \(failure)")
      }
      guard failure.code != .internalError else { throw Violation("\(failure)") }
      return ["ended: \(failure.code.rawValue)\(failure.trap.map { " (\($0))" } ?? "")"]
    }
  }

  private static func activation(_ random: inout FuzzRandom) -> Activation {
    let limits = ActivationLimits(
      memory: .kibibytes(64 * random.number(2...40)), cpuTime: .milliseconds(random.number(1...20)),
      wallTime: .milliseconds(random.number(1...60)), output: .kibibytes(random.number(0...128)),
      log: .kibibytes(random.number(0...4)), calls: random.number(0...50),
      callBytes: .kibibytes(random.number(0...64)), outstandingCalls: random.number(1...20),
      openFiles: random.number(0...20))
    let scratch = ScratchLimits(
      size: .kibibytes(random.number(4...64)), entries: random.number(1...20))
    return Activation(
      arguments: (0..<random.number(0...3)).map { _ in "argument" },
      environment: [EnvironmentVariable(name: "A", value: "B")],
      input: random.bytes(random.number(0...5000)),
      folders: random.once(in: 4) ? [] : [GuestFolder(path: "/tmp", source: .scratch(scratch))],
      limits: limits,
      services: random.once(in: 3) ? nil : SenselessServices(seed: random.next()))
  }
}

/// Answers anything to anybody, sometimes later.
private final class SenselessServices: GuestServices {
  private let seed: UInt64

  init(seed: UInt64) { self.seed = seed }

  func answer(_ call: GuestCall) async -> GuestAnswer {
    var random = FuzzRandom(seed: seed, number: UInt64(call.name.utf8.count))
    if random.once(in: 3) { await Task.yield() }
    let entry = GuestEntry(
      key: StateKey(unchecked: "k"), value: random.bytes(random.number(0...20_000)), revision: nil)
    switch random.number(0...5) {
    case 0: return .done
    case 1: return .entry(nil)
    case 2: return .entry(entry)
    case 3: return .entries(Array(repeating: entry, count: random.number(0...50)))
    case 4:
      return .response(
        HTTPAnswer(status: 200, headers: [], body: random.bytes(random.number(0...50))))
    case _: return .refused(Problem(.refused, code: "denied", "no"))
    }
  }

  func denied(_ denial: CapabilityDenial) -> DenialPolicy {
    seed % 4 == 0 ? .end : .refuse
  }
}

/// A guest that fills its memory with what it knows, waits while others run, and looks again.
enum WitnessGuest {
  static let expected = [UInt8](repeating: 0x5a, count: 4096)
  private static let place = 8192

  static func module(_ imports: [GuestImport]) -> [UInt8] {
    func index(_ name: String) -> Int { imports.firstIndex { $0.name == name } ?? 0 }
    var writer = GuestWriter(imports: imports, pages: 1)
    writer.place(expected, at: place)
    // A clock, relative, a millisecond: see subscription of WASI preview 1.
    writer.place([1], at: 1024 + 16)
    writer.place([0x40, 0x42, 0x0f], at: 1024 + 24)
    for argument in [1024, 2048, 1, 2100] { writer.constant32(UInt32(argument)) }
    writer.call(index("poll_oneoff"))
    writer.drop()
    for (address, value) in [(8, place), (12, expected.count)] {
      writer.constant32(UInt32(address))
      writer.constant32(UInt32(value))
      writer.store32()
    }
    for argument in [1, 8, 1, 16] { writer.constant32(UInt32(argument)) }
    writer.call(index("fd_write"))
    writer.drop()
    return writer.module
  }
}
