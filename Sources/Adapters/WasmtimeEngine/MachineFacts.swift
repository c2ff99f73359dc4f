public import ClusterModel
import Glibc

/// What this machine is and allows, read once at start.
public struct MachineFacts: Sendable, Hashable {
  /// `x86_64` or `aarch64`.
  public var architecture: String
  /// What the CPU can do beyond its baseline, sorted, as the kernel names it.
  public var cpuFeatures: [String]
  public var processors: Int
  public var memory: ByteCount
  /// `vm.max_map_count`.
  public var maximumMappings: Int
  /// Bytes of address space that the process may reserve.
  public var addressSpace: Int

  public init(
    architecture: String, cpuFeatures: [String], processors: Int, memory: ByteCount,
    maximumMappings: Int, addressSpace: Int
  ) {
    self.architecture = architecture
    self.cpuFeatures = cpuFeatures
    self.processors = processors
    self.memory = memory
    self.maximumMappings = maximumMappings
    self.addressSpace = addressSpace
  }

  /// Reads `/proc` and the process's limits. What cannot be read gets the kernel's default.
  public static func read() -> MachineFacts {
    #if arch(x86_64)
      let architecture = "x86_64"
    #elseif arch(arm64)
      let architecture = "aarch64"
    #endif
    let information = contents("/proc/cpuinfo")
    let flags =
      information.split(separator: "\n").first { $0.hasPrefix("flags") || $0.hasPrefix("Features") }
      .flatMap { $0.split(separator: ":", maxSplits: 1).last }
    let features = Set((flags ?? "").split(separator: " ").map(String.init)).sorted()
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageSize = sysconf(Int32(_SC_PAGESIZE))
    let mappings = contents("/proc/sys/vm/max_map_count").split(separator: "\n").first
    var limit = rlimit()
    let limited =
      getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0
      && limit.rlim_cur != rlim_t.max
    let userSpace = 127 << 40
    return MachineFacts(
      architecture: architecture, cpuFeatures: features,
      processors: max(1, min(256, sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
      memory: ByteCount(bytes: max(pages, 0) * max(pageSize, 0)),
      maximumMappings: mappings.flatMap { Int($0) } ?? 65_530,
      addressSpace: limited ? Int(min(limit.rlim_cur, rlim_t(userSpace))) : userSpace)
  }

  private static func contents(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }

  private static func read(_ file: Int32, _ bytes: inout [UInt8], _ count: Int) -> Int {
    Glibc.read(file, &bytes, count)
  }
}
