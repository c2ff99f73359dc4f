import ClusterModel
import DedicatedThreads
import Glibc
import HostPorts
import LocalSystem
import WasmtimeEngine

/// What `doctor` finds on this machine, in a fixed order.
struct LocalDiagnosis {
  /// Where the developer's cluster keeps its data.
  let dataFolder: String

  /// The least that leaves room for the connections and stores of a small cluster.
  static let wantedOpenFiles: UInt64 = 4096

  func findings(of machine: MachineFacts) -> [Finding] {
    return [
      Finding(subject: "program", verdict: .ok, detail: "wasmatrix \(ProgramVersion.text)"),
      library(), processor(machine), memory(machine), mappings(machine),
      addressSpace(machine), openFiles(), scheduling(), folder(),
    ]
  }

  /// Starts the engine, which is the only way to know that it starts, and stops it again.
  private func library() -> Finding {
    do {
      let engine = try WasmtimeEngine()
      let facts = engine.facts
      engine.stop()
      return Finding(
        subject: "engine", verdict: .ok,
        detail: "\(facts.libraryVersion), \(facts.workers) workers, up to "
          + "\(facts.instanceSlots) instances at a time")
    } catch {
      return Finding(subject: "engine", verdict: .failure, detail: error.description)
    }
  }

  private func processor(_ machine: MachineFacts) -> Finding {
    let notable = machine.cpuFeatures.filter(Self.notableFeatures.contains)
    let limited =
      machine.processors < machine.onlineProcessors
      ? " of \(machine.onlineProcessors) (affinity or control group)" : ""
    return Finding(
      subject: "processor", verdict: .ok,
      detail: "\(machine.processors)\(limited) x \(machine.architecture): "
        + notable.joined(separator: " "))
  }

  /// What makes compiled modules faster where it is there, as the kernel names it.
  private static let notableFeatures: Set<String> = [
    "sse4_1", "sse4_2", "popcnt", "avx", "avx2", "avx512f", "bmi1", "bmi2", "fma", "abm",
    "atomics", "paca", "bti", "fphp", "asimd",
  ]

  private func memory(_ machine: MachineFacts) -> Finding {
    let mebibytes = machine.memory.bytes >> 20
    let limited =
      machine.memory < machine.physicalMemory
      ? " of \(machine.physicalMemory.bytes >> 20) MiB (control group)" : ""
    return Finding(
      subject: "memory", verdict: mebibytes < 512 ? .warning : .ok,
      detail: "\(mebibytes) MiB\(limited)")
  }

  /// Each instance that lives reserves addresses, whatever it uses.
  private func addressSpace(_ machine: MachineFacts) -> Finding {
    do {
      try EngineConfiguration(machine: machine).validate(on: machine)
      return Finding(
        subject: "address space", verdict: .ok, detail: "\(machine.addressSpace >> 30) GiB")
    } catch {
      return Finding(subject: "address space", verdict: .failure, detail: error.description)
    }
  }

  private func mappings(_ machine: MachineFacts) -> Finding {
    let slots = EngineConfiguration.maximumSlots(mappings: machine.maximumMappings)
    guard slots >= 256 else {
      return Finding(
        subject: "vm.max_map_count", verdict: slots >= machine.processors ? .warning : .failure,
        detail: "\(machine.maximumMappings) allows \(slots) instances at a time; "
          + "sysctl -w vm.max_map_count=65530 allows more")
    }
    return Finding(
      subject: "vm.max_map_count", verdict: .ok, detail: "\(machine.maximumMappings)")
  }

  private func openFiles() -> Finding {
    let limit = OpenFileLimit.read()
    guard limit.rlim_max < Self.wantedOpenFiles else {
      let hard = limit.rlim_max == rlim_t.max ? "unlimited" : "\(limit.rlim_max)"
      return Finding(
        subject: "open files", verdict: .ok, detail: "\(limit.rlim_cur), raised to \(hard) at start"
      )
    }
    return Finding(
      subject: "open files", verdict: .warning,
      detail: "at most \(limit.rlim_max); ulimit -Hn \(Self.wantedOpenFiles) is advised")
  }

  /// Heartbeats are sound either way; in real time, silence can count sooner.
  private func scheduling() -> Finding {
    let found = HeartbeatScheduling.probe()
    let advice =
      switch found {
      case .realTime: ""
      case .ordinary: "; with CAP_SYS_NICE or LimitRTPRIO=1 a busy machine does not hold them up"
      }
    return Finding(subject: "heartbeats", verdict: .ok, detail: "\(found)\(advice)")
  }

  private func folder() -> Finding {
    let exists = BoundedFile.exists(dataFolder)
    let folder = exists ? dataFolder : FilePath.folder(of: dataFolder)
    guard Folder.isUsable(folder) else {
      return Finding(
        subject: "data folder", verdict: .failure, detail: "\(folder) is no folder to write in")
    }
    return Finding(
      subject: "data folder", verdict: .ok,
      detail: exists ? dataFolder : "\(dataFolder) (not made yet)")
  }
}
