import ArgumentParser
import ClusterModel
import Glibc
import HeartbeatCoding
import HeartbeatLink
import Measuring
import NodeTracking

/// An agent that beats in a process of its own, and who follows it here.
struct Rig {
  let tracking: Tracking
  let receiver: HeartbeatReceiver
  let agent: Child
  private let burners: [Child]

  init(_ setting: Setting, residentMegabytes: Int = 0, watcher: String = "") throws {
    let tracking = Tracking(setting)
    self.tracking = tracking
    receiver = try HeartbeatReceiver(
      on: try DatagramAddress(host: "127.0.0.1", port: 0), urgency: setting.urgency,
      heard: { tracking.arrived($0) }, died: { tracking.noticed($0, $1) })
    var random = SystemRandomNumberGenerator()
    let session = HeartbeatSession(
      for: AgentChild.node, AgentChild.incarnation, using: &random)
    try receiver.register(session)
    tracking.tell(
      .registered(
        NodeRegistration(
          node: session.node, incarnation: session.incarnation,
          location: NodeLocation(zone: .default),
          capabilities: try NodeCapabilities(
            architectures: [.x86_64], memory: .gibibytes(1), cpuCores: 2),
          punctuality: setting.isRealTime ? .realTime : .ordinary)))
    burners = try (0..<setting.burners).map { _ in try Child(["burn"]) }
    agent = try Child([
      "agent", AgentChild.text(session), "\(receiver.address.port)",
      "\(setting.intervalMilliseconds)", "\(setting.isRealTime)", "\(residentMegabytes)", watcher,
    ])
    try agent.awaitReady()
    try awaitHealth()
    tracking.forget()
  }

  /// Waits until the agent counts as healthy, for a bounded time.
  func awaitHealth() throws {
    let deadline = Measuring.clock() + 30_000_000_000
    while !tracking.findings.withLock({ $0.isHealthy }) {
      guard Measuring.clock() < deadline else {
        print("error: the agent does not get healthy")
        throw ExitCode.failure
      }
      usleep(1000)
    }
  }

  func end() {
    agent.end()
    for burner in burners { burner.end() }
    receiver.stop()
    tracking.stop()
  }
}

/// What an agent that is well looks like from here.
struct Calm: Encodable {
  let setting: Setting
  let seconds: Int
  let heartbeats: Int
  let gaps: Times
  let suspicions: Int
  /// Each is a false alarm.
  let losses: Int

  init(_ setting: Setting, seconds: Int) throws {
    let rig = try Rig(setting)
    defer { rig.end() }
    sleep(UInt32(seconds))
    let findings = rig.tracking.findings.withLock { $0 }
    self.setting = setting
    self.seconds = seconds
    heartbeats = findings.heartbeats
    gaps = Times(findings.gaps)
    suspicions = findings.suspicions
    losses = findings.losses.count
  }

  var text: String {
    "  \(setting.text): \(seconds) s, \(heartbeats) heartbeats, gaps p50 \(milliseconds(gaps.p50)), "
      + "p99 \(milliseconds(gaps.p99)), most \(milliseconds(gaps.worst)) ms; "
      + "suspected \(suspicions) times, false alarms \(losses)"
  }
}

/// How long it takes until a stopped agent is given up.
struct Stopping: Encodable {
  let setting: Setting
  let times: Times

  init(_ setting: Setting, stops: Int) throws {
    let rig = try Rig(setting)
    defer { rig.end() }
    var times: [Int64] = []
    for _ in 0..<stops {
      // At any moment between two heartbeats.
      usleep(UInt32.random(in: 0...UInt32(setting.intervalMilliseconds * 1000)) + 300_000)
      try rig.awaitHealth()
      rig.tracking.forget()
      let began = Measuring.clock()
      rig.agent.signal(SIGSTOP)
      let deadline = began + 10_000_000_000
      while rig.tracking.findings.withLock({ $0.losses.isEmpty }), Measuring.clock() < deadline {
        usleep(200)
      }
      if let loss = rig.tracking.findings.withLock({ $0.losses.first }) {
        times.append(loss.at - began)
      }
      rig.agent.signal(SIGCONT)
    }
    self.setting = setting
    self.times = Times(times)
  }

  var text: String {
    "  \(setting.text): n \(times.count), p50 \(milliseconds(times.p50)), "
      + "p99 \(milliseconds(times.p99)), most \(milliseconds(times.worst)) ms"
  }
}

/// How long it takes until the death of an agent is known: by its watcher, and by the end of its connection.
struct Killing: Encodable {
  let setting: Setting
  let residentMegabytes: Int
  let notice: Times
  let hangUp: Times

  init(_ setting: Setting, residentMegabytes: Int, kills: Int, watcher: String) throws {
    var (notices, hangUps): ([Int64], [Int64]) = ([], [])
    for _ in 0..<kills {
      let rig = try Rig(setting, residentMegabytes: residentMegabytes, watcher: watcher)
      defer { rig.end() }
      let began = Measuring.clock()
      rig.agent.signal(SIGKILL)
      rig.agent.awaitHangUp()
      hangUps.append(Measuring.clock() - began)
      let deadline = began + 10_000_000_000
      while rig.tracking.findings.withLock({ $0.noticedAt == nil }), Measuring.clock() < deadline {
        usleep(200)
      }
      if let at = rig.tracking.findings.withLock({ $0.noticedAt }) { notices.append(at - began) }
    }
    self.setting = setting
    self.residentMegabytes = residentMegabytes
    notice = Times(notices)
    hangUp = Times(hangUps)
  }

  var text: String {
    "  \(setting.text), \(residentMegabytes) MiB resident: n \(notice.count), watcher p50 "
      + "\(milliseconds(notice.p50)), p99 \(milliseconds(notice.p99)); connection p50 "
      + "\(milliseconds(hangUp.p50)), p99 \(milliseconds(hangUp.p99)) ms"
  }
}

/// Nanoseconds as milliseconds, for people.
func milliseconds(_ nanoseconds: Double) -> String {
  "\((nanoseconds / 10_000).rounded() / 100)"
}
