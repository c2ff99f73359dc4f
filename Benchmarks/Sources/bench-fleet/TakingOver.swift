import Foundation
import Glibc
import Measuring

/// How a node is lost.
enum Loss: String, CaseIterable, Encodable {
  case kill, abort, trap, outOfMemory, stop, partition
  /// Nothing reaches it, though it is heard.
  case deaf

  /// Whether it needs a relay before it.
  var isOfNetwork: Bool { self == .partition || self == .deaf }
}

/// From the loss of the node on which everything runs to the first answer of another, until all modules were served by
/// another, as the control plane tells, and until a sample of them was answered by another. Afterwards it is made sure that
/// all of them are served there.
struct TakingOver: Encodable {
  let loss: Loss
  let placements: Int
  let burners: Int
  let scheduling: String
  /// Of an agent, in MiB, when it was lost: the median.
  private(set) var residentMebibytes = 0
  /// Nanoseconds, one for each loss: until a request that was made right after it was answered elsewhere, until
  /// everything was served elsewhere, and until requests to a sample of the modules, made right after the first, were
  /// all answered there.
  private(set) var first: [Int64] = []
  private(set) var all: [Int64] = []
  private(set) var sample: [Int64] = []
  /// Requests that were answered by an error before, in all.
  private(set) var refused = 0
  /// Losses of a node that, when it was lost, had stood still for so long that another served already.
  private(set) var uncounted = 0
  struct Wish {
    var loss: Loss
    var placements = 1
    var ballastMebibytes = 0
    var losses: Int
    var burners = 0
    var isRealTime = true
  }

  init(_ wish: Wish, _ setting: Setting) throws {
    loss = wish.loss
    placements = wish.placements
    burners = wish.burners
    scheduling = wish.isRealTime ? "real time" : "ordinary"
    let stage = try Stage(wish, setting)
    defer { stage.end() }
    let burning = try Burners(wish.burners)
    defer { burning.end() }
    var sizes: [Int] = []
    // What only takes up memory there has nowhere else to go, so that never all is served again.
    let failovers = wish.ballastMebibytes > 0 ? nil : Failovers(port: stage.fleet.port)
    while first.count < wish.losses {
      let victim = try stage.settle()
      let size = stage.fleet.agents[victim]?.resident ?? 0
      let loss = try urgently {
        let began = try stage.lose(victim)
        let refusedFirst = try stage.firstAnswer(not: victim)
        let first = Measuring.clock() - began
        let refusedLater = try stage.sampleAnswers(not: victim)
        return (
          began: began, first: first, sample: Measuring.clock() - began,
          refused: refusedFirst + refusedLater
        )
      }
      let ended = try failovers?.ended(victim, since: loss.began)
      if failovers == nil || ended != nil {
        sizes.append(size)
        first.append(loss.first)
        sample.append(loss.sample)
        if let ended { all.append(ended - loss.began) }
        refused += loss.refused
      } else {
        uncounted += 1
        guard uncounted <= wish.losses else { throw Failure("nothing is lost with \(victim)") }
      }
      try stage.awaitAll(not: victim)
      try stage.bringBack(victim)
    }
    residentMebibytes = sizes.sorted()[sizes.count / 2] >> 20
  }

  var text: String {
    let (first, all, sample) = (Times(first), Times(all), Times(sample))
    let name =
      "\(loss.rawValue), \(placements) placements, \(residentMebibytes) MiB, "
      + "\(scheduling)" + (burners > 0 ? ", \(burners) busy processes" : "")
    return "| \(name) | \(first.count) | \(Self.text(first)) | \(Self.text(all)) "
      + "| \(Self.text(sample)) | \(refused) |"
  }

  static let header = """
    | lost | n | first answer elsewhere: p50, p99, longest | all served elsewhere | a sample of \(Stage.sampled) at most answered elsewhere | refused |
    |---|---|---|---|---|---|
    """

  /// Milliseconds. A 99th percentile of few is none.
  private static func text(_ times: Times) -> String {
    guard times.count > 0 else { return "-" }
    func text(_ nanoseconds: Double) -> String {
      "\((nanoseconds / 1e4).rounded() / 100)"
    }
    let p99 = times.count >= 2000 ? text(times.p99) : "-"
    return "\(text(times.p50)), \(p99), \(text(times.worst)) ms"
  }
}

/// What all cells share.
struct Setting {
  var program: String
  var folder: String
  var guests: String
}

/// A fleet on which everything is served by one node, and another holds all of it compiled.
final class Stage {
  let fleet: Fleet
  private let wish: TakingOver.Wish
  private let connection: Connection
  private let askers: [Connection]
  private var relays: [String: Relay] = [:]
  /// Holds nothing; a fleet of which half is silent takes itself for healthy.
  private static let bystander = "node-z"
  private static let holders = ["node-a", "node-b"]
  /// A fleet is at rest when its processes have used less than this share of a processor for so many microseconds:
  /// heartbeats and being asked are a quarter.
  private static let rest: UInt32 = 150_000
  private static let restingShare = 0.5

  init(_ wish: TakingOver.Wish, _ setting: Setting) throws {
    self.wish = wish
    fleet = try Fleet(setting, isRealTime: wish.isRealTime)
    connection = Connection(port: fleet.port)
    let port = fleet.port
    askers = (0..<Self.askers).map { _ in Connection(port: port) }
    for name in Self.holders + [Self.bystander] {
      var options = ["--memory-mebibytes", "16000"]
      if wish.loss.isOfNetwork {
        let relay = try Relay(to: fleet.agentsPort)
        relays[name] = relay
        options += ["--attach", "127.0.0.1:\(relay.port)"]
      }
      if name != Self.bystander { options += ["--label", "pool=main"] }
      try fleet.join(name, options: options)
    }
    try fleet.deploy(Self.manifest(wish.placements), named: "probes")
    if wish.ballastMebibytes > 0 {
      try fleet.deploy(Self.ballast(wish.ballastMebibytes), named: "ballast")
    }
  }

  func end() {
    fleet.end()
    MemoryGroup.remove()
  }

  private static func module(_ index: Int) -> String { "probe-\(index)" }

  static func manifest(_ count: Int, replicas: Int = 1, fallbacks: Int = 1) -> String {
    var text = "apiVersion: wasmatrix/v1\nname: probes\nmodules:\n"
    for index in 0..<count {
      text +=
        "  \(module(index)): { source: where.wasm, idempotent: true, limits: { memory: 1MiB }, "
        + "placement: { replicas: \(replicas), fallbacks: \(fallbacks), labels: { pool: main } } }\n"
    }
    return text
  }

  private static func ballast(_ mebibytes: Int) -> String {
    """
    apiVersion: wasmatrix/v1
    name: ballast
    modules:
      ballast:
        source: ballast-\(mebibytes).wasm
        kind: service
        shutdown: kill
        limits: { memory: \(mebibytes + 1)MiB }
    supervision:
      placement: { replicas: 2, fallbacks: 0, labels: { pool: main } }
    """
  }

  /// Waits until one node serves everything, and another is ready to.
  ///
  /// - Returns: who serves.
  func settle() throws -> String {
    var server = ""
    try fleet.wait("a fleet at rest") {
      let count = wish.placements
      let active = try fleet.placements("active", of: "probe-")
      guard let node = Self.holders.first(where: { active[$0] == count }),
        let other = Self.holders.first(where: { $0 != node }),
        try fleet.placements("fallback", of: "probe-")[other] == count,
        try fleet.isHealthy(Self.holders + [Self.bystander])
      else { return false }
      server = node
      return Self.holders.allSatisfy {
        (fleet.agents[$0]?.resident ?? 0) >= wish.ballastMebibytes << 20
      }
    }
    // What the loss before left to do is done.
    try fleet.wait("processes at rest") {
      let began = fleet.processorTime
      usleep(Self.rest)
      return fleet.processorTime - began < Double(Self.rest) * Self.restingShare / 1e6
    }
    return server
  }

  /// - Returns: when it was lost.
  func lose(_ node: String) throws -> Int64 {
    guard let agent = fleet.agents[node] else { throw Failure("there is no \(node)") }
    let began = Measuring.clock()
    switch wish.loss {
    case .kill: agent.signal(SIGKILL)
    case .abort: agent.signal(SIGABRT)
    case .trap: agent.signal(SIGILL)
    case .outOfMemory: return try exhaust(agent, node)
    case .stop: agent.signal(SIGSTOP)
    case .partition: relays[node]?.cut()
    case .deaf: relays[node]?.cutBack()
    }
    return began
  }

  /// Takes its memory away, and asks it for things that need some until the kernel has killed it.
  ///
  /// - Returns: when that was asked which killed it; another node has answered it.
  private func exhaust(_ agent: Process, _ node: String) throws -> Int64 {
    try MemoryGroup.exhaust(agent)
    let large = [UInt8](repeating: 0, count: 512 << 10)
    while true {
      let began = Measuring.clock()
      let answer = try connection.request(
        "POST", "/v1/invoke/\(Self.module(0))?timeout=10s", large)
      if answer.status != 200 || !answer.text.hasPrefix(node + " ") { return began }
    }
  }

  /// - Returns: how many answers were errors before it.
  func firstAnswer(not node: String) throws -> Int {
    try Self.answer(Int.random(in: 0..<wish.placements), not: node, connection)
  }

  private static func answer(
    _ index: Int, not node: String, _ connection: Connection
  ) throws -> Int {
    var refused = 0
    while true {
      let answer = try connection.request("POST", "/v1/invoke/\(module(index))?timeout=10s")
      guard answer.status == 200 else {
        refused += 1
        FileHandle.standardError.write(Data("refused: \(answer.status) \(answer.text)\n".utf8))
        continue
      }
      // One that is stopped may answer once more: all its threads stand still a moment after the signal.
      if !answer.text.hasPrefix(node + " ") { return refused }
    }
  }

  /// Modules that are asked, at most.
  static let sampled = 32
  private static let askers = 4

  /// - Returns: how many answers were errors before each was answered.
  func sampleAnswers(not node: String) throws -> Int {
    guard wish.placements > 1 else { return 0 }
    let chosen = Array((0..<wish.placements).shuffled().prefix(Self.sampled))
    let results = Results()
    let group = DispatchGroup()
    for asker in 0..<Self.askers {
      let connection = askers[asker]
      group.enter()
      Thread.detachNewThread {
        results.add(
          try? urgently {
            try stride(from: asker, to: chosen.count, by: Self.askers).map {
              Int64(try Self.answer(chosen[$0], not: node, connection))
            }
          })
        group.leave()
      }
    }
    group.wait()
    return Int(try results.all(of: Self.askers).reduce(0, +))
  }

  /// Until the other node says that it serves all of it.
  func awaitAll(not node: String) throws {
    let other = Self.holders.first { $0 != node } ?? ""
    let end = Measuring.clock() + 30_000_000_000
    while try fleet.placements("active", of: "probe-")[other] != wish.placements {
      guard Measuring.clock() < end else { throw Failure("not all is served by \(other)") }
    }
  }

  func bringBack(_ node: String) throws {
    switch wish.loss {
    case .kill, .abort, .trap, .outOfMemory:
      fleet.agents[node]?.reap()
      try fleet.start(node)
    case .stop: fleet.agents[node]?.signal(SIGCONT)
    case .partition, .deaf: relays[node]?.mend()
    }
  }
}

/// A control group whose memory runs out, as an administrator would make it.
enum MemoryGroup {
  private static let folder = "/sys/fs/cgroup/memory/wasmatrix-bench-\(getpid())"

  /// - Returns: whether such groups can be made here.
  static var isPermitted: Bool {
    mkdir(folder, 0o755) == 0 && rmdir(folder) == 0
  }

  /// Once nothing lives in it.
  static func remove() { rmdir(folder) }

  static func exhaust(_ process: Process) throws {
    mkdir(folder, 0o755)
    try "\(process.pid)".write(
      toFile: folder + "/cgroup.procs", atomically: false, encoding: .utf8)
    try "65536".write(
      toFile: folder + "/memory.limit_in_bytes", atomically: false, encoding: .utf8)
  }
}
