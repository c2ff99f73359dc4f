import Foundation
import Glibc
import Measuring

/// A control plane and agents, each a process of the program, on loopback.
final class Fleet {
  let folder: String
  /// The program, and before it what takes real time away from it.
  private let program: [String]
  let port: UInt16
  let agentsPort: UInt16
  private let control: Process
  private(set) var agents: [String: Process] = [:]
  private var options: [String: [String]] = [:]
  private let connection: Connection

  /// - Parameter isRealTime: whether its threads may be scheduled in real time, if that is permitted at all.
  init(_ setting: Setting, isRealTime: Bool = true, options: [String] = []) throws {
    program =
      (isRealTime ? [] : ["/usr/bin/setpriv", "--bounding-set=-sys_nice"]) + [setting.program]
    folder = setting.folder
    port = try Sockets.freePort()
    agentsPort = try Sockets.freePort()
    connection = Connection(port: port)
    let files = FileManager.default
    try? files.removeItem(atPath: folder)
    try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for guest in try files.contentsOfDirectory(atPath: setting.guests)
    where guest.hasSuffix(".wasm") {
      try files.copyItem(atPath: "\(setting.guests)/\(guest)", toPath: "\(folder)/\(guest)")
    }
    control = try Process(
      program + [
        "control", "--listen", "127.0.0.1:\(port)", "--agents", "127.0.0.1:\(agentsPort)",
        "--data", folder + "/control", "--log-level", "error",
      ] + options, log: folder + "/control.log")
    try wait("the control plane") { (try? connection.request("GET", "/healthz").status) == 200 }
    _ = try run("keygen", "--out", "keys")
    _ = try run("trust", "add", "keys/wasmatrix.pub", "--label", "bench")
  }

  /// Ends all of it, and removes what it has written.
  func end() {
    for agent in agents.values { agent.end() }
    control.end()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// What the control plane has used so far, in seconds of a processor.
  var controlTime: Double { control.processorTime }

  /// What its processes have used so far, in seconds of a processor.
  var processorTime: Double {
    ([control] + agents.values).reduce(0) { $0 + $1.processorTime }
  }

  /// A verb of the program.
  @discardableResult
  func run(_ words: String...) throws -> String {
    try Process.run(
      [program.last ?? ""] + words, in: folder,
      environment: ["WASMATRIX_SERVER": "http://127.0.0.1:\(port)"])
  }

  /// Until it is so.
  func wait(_ what: String, seconds: Double = 120, _ condition: () throws -> Bool) throws {
    let end = Measuring.clock() + Int64(seconds * 1e9)
    while try !condition() {
      guard Measuring.clock() < end else { throw Failure("\(what) did not come; see \(folder)") }
      usleep(2000)
    }
  }

  // Agents.

  func join(_ name: String, options: [String] = []) throws {
    let token = try run("token", "create", "--join", "--json")
    let answer = try JSONSerialization.jsonObject(with: Data(token.utf8)) as? [String: Any]
    self.options[name] = options
    try start(name, token: answer?["token"] as? String ?? "")
    try wait("node \(name)") { try isHealthy([name]) }
  }

  func start(_ name: String, token: String = "") throws {
    agents[name] = try Process(
      program + [
        "agent", "--join", "http://127.0.0.1:\(port)", "--name", name, "--data",
        folder + "/" + name, "--log-level", "error",
      ] + (options[name] ?? []), log: folder + "/\(name).log",
      environment: ["WASMATRIX_JOIN_TOKEN": token])
  }

  func isHealthy(_ names: [String]) throws -> Bool {
    let nodes = try connection.json("GET", "/v1/nodes")["items"] as? [[String: Any]] ?? []
    let healthy = Set(
      nodes.filter { $0["state"] as? String == "healthy" }.compactMap { $0["id"] as? String })
    return healthy.isSuperset(of: names)
  }

  // Modules.

  func deploy(_ manifest: String, named name: String) throws {
    let file = "\(name).yaml"
    try manifest.write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
    try run("deploy", file, "--key", "keys/wasmatrix.key")
  }

  /// On how many nodes a generation of a module serves, as the agents say.
  func serving(_ module: String, generation: Int) throws -> Int {
    let items = try connection.json("GET", "/v1/placements")["items"] as? [[String: Any]] ?? []
    return items.count { item in
      item["module"] as? String == module && item["generation"] as? Int == generation
        && item["role"] as? String == "active"
    }
  }

  /// How many placements each node has in a role, as the agents say.
  func placements(_ role: String, of prefix: String = "") throws -> [String: Int] {
    let items = try connection.json("GET", "/v1/placements")["items"] as? [[String: Any]] ?? []
    var counts: [String: Int] = [:]
    for item in items
    where item["role"] as? String == role
      && (item["module"] as? String)?.hasPrefix(prefix) == true
    {
      counts[item["node"] as? String ?? "", default: 0] += 1
    }
    return counts
  }
}
