import CPlacementScan
import ClusterModel
import Measuring
import Scheduling

/// The two did not decide the same: nothing that is measured then means anything.
struct Disagreement: Error, CustomStringConvertible {
  let description: String
}

let instants = Instants(
  monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))

/// Decisions with rules that were asked for before, beside the C scan.
struct Deciding: Encodable {
  let fleet: String
  let nodes: Int
  let c: Times
  let swift: Times
  /// Swift / C, of each round.
  let ratioP50: Spread
  let ratioP99: Double
  /// A heartbeat's load, one node.
  let setLoad: Times

  static let rounds = 7
  /// Nodes that say how loaded they are between two decisions.
  private static let heartbeats = 16

  init(
    _ kind: FleetKind, _ fleet: Fleet, _ scheduler: inout Scheduler, _ scan: CScan, decisions: Int
  ) throws {
    var random = SplitMix(seed: 1)
    var all: (c: [Int64], swift: [Int64], loads: [Int64]) = ([], [], [])
    var ratios: [Double] = []
    // What every rule makes of the nodes is there before.
    for rules in fleet.rules.indices {
      _ = scheduler.decide(fleet.request(rules, &random), at: instants)
    }
    var decision = scan_decision()
    for _ in 0..<Self.rounds {
      var round: (c: [Int64], swift: [Int64]) = ([], [])
      for number in 0..<(decisions + Self.rounds - 1) / Self.rounds {
        all.loads.append(try Self.beat(kind, fleet, &scheduler, scan, &random))
        let rules = Int.random(in: 0..<fleet.rules.count, using: &random)
        let request = fleet.request(rules, &random)
        let cRequest = CScan.Request(request, scan)
        func timeC() {
          let start = clock()
          scan.decide(rules, cRequest, &decision)
          round.c.append(clock() - start)
        }
        if number % 2 == 0 { timeC() }
        let start = clock()
        let answer = scheduler.decide(request, at: instants)
        round.swift.append(clock() - start)
        if number % 2 == 1 { timeC() }
        guard scan.agrees(decision, answer) else {
          throw Disagreement(description: "C chose \(scan.rows(decision)), Swift \(answer)")
        }
      }
      ratios.append(Times(round.swift).p50 / Times(round.c).p50)
      all.c += round.c
      all.swift += round.swift
    }
    self.fleet = kind.rawValue
    nodes = fleet.profiles.count
    c = Times(all.c)
    swift = Times(all.swift)
    ratioP50 = Spread(ratios)
    ratioP99 = swift.p99 / c.p99
    setLoad = Times(all.loads)
  }

  /// - Returns: nanoseconds a heartbeat.
  private static func beat(
    _ kind: FleetKind, _ fleet: Fleet, _ scheduler: inout Scheduler, _ scan: CScan,
    _ random: inout SplitMix
  ) throws -> Int64 {
    guard kind != .alike else { return 0 }
    let loads = try (0..<heartbeats).map { _ in
      (
        Int.random(in: 0..<fleet.profiles.count, using: &random),
        try NodeLoad(
          cpuPercent: .random(in: 0...100, using: &random), memoryPercent: 0, activeModules: 0)
      )
    }
    let start = clock()
    for (row, load) in loads { scheduler.setLoad(load, of: fleet.profiles[row].id) }
    let time = clock() - start
    for (row, load) in loads { scan.setIdle(1 - load.cpuPercent / 100, row) }
    return time / Int64(heartbeats)
  }
}

/// The first decision with rules of a new origin: all nodes are looked at.
struct FirstDeciding: Encodable {
  let fleet: String
  let nodes: Int
  let c: Times
  let swift: Times

  init(
    _ kind: FleetKind, _ fleet: Fleet, _ scheduler: inout Scheduler, _ scan: CScan, decisions: Int
  ) throws {
    var random = SplitMix(seed: 2)
    var times: (c: [Int64], swift: [Int64]) = ([], [])
    var decision = scan_decision()
    for number in 0..<decisions {
      var request = fleet.request(number % fleet.rules.count, &random)
      request.rules.origin = NodeLocation(
        zone: Zone(unchecked: "elsewhere"),
        coordinates: try Coordinates(
          latitude: .random(in: -60...60, using: &random),
          longitude: .random(in: -180...180, using: &random)))
      let cRequest = CScan.Request(request, scan)
      let swiftStart = clock()
      let answer = scheduler.decide(request, at: instants)
      times.swift.append(clock() - swiftStart)
      let start = clock()
      let prepared = scan.prepare(request.rules, [])
      scan.decide(prepared, cRequest, &decision)
      times.c.append(clock() - start)
      scan.release(prepared)
      guard scan.agrees(decision, answer) else {
        throw Disagreement(description: "C chose \(scan.rows(decision)), Swift \(answer)")
      }
    }
    self.fleet = kind.rawValue
    nodes = fleet.profiles.count
    c = Times(times.c)
    swift = Times(times.swift)
  }
}

/// A node dies, and a thousand placements are placed anew in one batch.
struct Replacing: Encodable {
  let fleet: String
  let nodes: Int
  let placements: Int
  let c: Times
  let swift: Times

  static let placements = 1000

  init(
    _ kind: FleetKind, _ fleet: Fleet, _ scheduler: inout Scheduler, _ scan: CScan, deaths: Int
  ) throws {
    var random = SplitMix(seed: 3)
    var times: (c: [Int64], swift: [Int64]) = ([], [])
    for _ in 0..<deaths {
      let dead = Int.random(in: 0..<fleet.profiles.count, using: &random)
      let id = fleet.profiles[dead].id
      let before = scheduler.availability(of: id) ?? .available
      let choices = (0..<Self.placements).map { _ in
        Int.random(in: 0..<fleet.rules.count, using: &random)
      }
      let requests = choices.map { rules in
        var request = fleet.request(rules, &random)
        request.replicas = 1
        request.fallbacks = 0
        return request
      }
      let cRequests = requests.map { CScan.Request($0, scan) }
      let start = clock()
      scheduler.setAvailability(.unavailable, of: id)
      let answers = scheduler.decide(batch: requests, at: instants)
      times.swift.append(clock() - start)
      var decisions: [scan_decision] = []
      decisions.reserveCapacity(choices.count)
      var decision = scan_decision()
      let cStart = clock()
      scan.setClosed(true, dead)
      for (rules, request) in zip(choices, cRequests) {
        scan.decide(rules, request, &decision)
        if decision.count > 0 { scan.reserve(request.bytes, decision.rows.0) }
        decisions.append(decision)
      }
      times.c.append(clock() - cStart)
      for (decision, answer) in zip(decisions, answers) {
        guard scan.agrees(decision, answer) else {
          throw Disagreement(description: "C chose \(scan.rows(decision)), Swift \(answer)")
        }
      }
      for (answer, request) in zip(answers, requests) {
        for node in answer.selectedNodes { scheduler.release(request.memory, on: node) }
      }
      for (decision, request) in zip(decisions, cRequests) {
        if decision.count > 0 { scan.reserve(-request.bytes, decision.rows.0) }
      }
      scheduler.setAvailability(before, of: id)
      scan.setClosed(before != .available, dead)
    }
    self.fleet = kind.rawValue
    nodes = fleet.profiles.count
    placements = Self.placements
    c = Times(times.c)
    swift = Times(times.swift)
  }
}
