public import ClusterModel
import Glibc

/// What this machine is, and what it allows this process; read once at start.
public struct MachineFacts: Sendable, Hashable, Encodable {
  /// `x86_64` or `aarch64`.
  public var architecture: String
  /// What the CPU can do beyond its baseline, sorted, as the kernel names it.
  public var cpuFeatures: [String]
  /// CPUs that the process may use: those there are, as far as its affinity and control groups allow.
  public var processors: Int
  /// CPUs that are there.
  public var onlineProcessors: Int
  /// Memory that the process may use: what there is, as far as its control groups allow.
  public var memory: ByteCount
  /// Memory that is there.
  public var physicalMemory: ByteCount
  /// `vm.max_map_count`.
  public var maximumMappings: Int
  /// Bytes of address space that the process may reserve.
  public var addressSpace: Int
  /// Files that the process may open, as it is and at most.
  public var openFiles: Int
  public var maximumOpenFiles: Int

  /// Reads `/proc`, `/sys/fs/cgroup` and the process's limits. What cannot be read gets the kernel's default.
  public static func read() -> MachineFacts {
    #if arch(x86_64)
      let architecture = "x86_64"
    #elseif arch(arm64)
      let architecture = "aarch64"
    #endif
    let groups = ControlGroups(membership: contents("/proc/self/cgroup") ?? "") {
      contents("/sys/fs/cgroup" + $0)
    }
    let online = max(1, min(mostProcessors, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    let physical = ByteCount(
      bytes: max(sysconf(Int32(_SC_PHYS_PAGES)), 0) * max(sysconf(Int32(_SC_PAGESIZE)), 0))
    let mappings = contents("/proc/sys/vm/max_map_count")?.split(separator: "\n").first
    let files = limit(RLIMIT_NOFILE)
    return MachineFacts(
      architecture: architecture, cpuFeatures: cpuFeatures(contents("/proc/cpuinfo") ?? ""),
      processors: processors(
        online: online, status: contents("/proc/self/status") ?? "", groups: groups),
      onlineProcessors: online, memory: min(physical, groups.memory ?? physical),
      physicalMemory: physical, maximumMappings: mappings.flatMap { Int($0) } ?? 65_530,
      addressSpace: min(limit(RLIMIT_AS).now, userSpace), openFiles: files.now,
      maximumOpenFiles: files.most)
  }

  /// More workers than this would only stand in each other's way.
  private static let mostProcessors = 256
  /// What the kernel gives a process on both architectures.
  private static let userSpace = 127 << 40

  static func cpuFeatures(_ information: String) -> [String] {
    let flags =
      information.split(separator: "\n").first { $0.hasPrefix("flags") || $0.hasPrefix("Features") }
      .flatMap { $0.split(separator: ":", maxSplits: 1).last }
    return Set((flags ?? "").split(separator: " ").map(String.init)).sorted()
  }

  /// - Parameter status: the contents of `/proc/self/status`, which tells the affinity.
  static func processors(online: Int, status: String, groups: ControlGroups) -> Int {
    let name = "Cpus_allowed_list:"
    let list = status.split(separator: "\n").first { $0.hasPrefix(name) }?.dropFirst(name.count)
    let allowed = (list ?? "").split { ", \t".contains($0) }.reduce(0) { sum, range in
      let ends = range.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, last >= first else { return sum }
      return sum + last - first + 1
    }
    let quota = min((groups.processors ?? .infinity).rounded(.up), Double(online))
    return max(1, min(online, allowed > 0 ? allowed : online, Int(quota)))
  }

  private static func limit(_ resource: __rlimit_resource) -> (now: Int, most: Int) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else {
      return (.max, .max)
    }
    return (Int(clamping: limit.rlim_cur), Int(clamping: limit.rlim_max))
  }

  private static func contents(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(file, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  private static func read(_ file: Int32, _ bytes: inout [UInt8], _ count: Int) -> Int {
    Glibc.read(file, &bytes, count)
  }
}
