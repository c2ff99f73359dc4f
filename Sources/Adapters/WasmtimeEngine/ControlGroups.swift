import ClusterModel

/// What the control groups of a process allow it, of version 2 and 1; `nil` where they set no limit. The
/// limit of every group above counts, too.
struct ControlGroups: Hashable {
  var memory: ByteCount?
  /// CPUs' worth of time.
  var processors: Double?

  /// - Parameters:
  ///   - membership: the contents of `/proc/self/cgroup`.
  ///   - contents: reads a file below `/sys/fs/cgroup`; `nil` when it is not there.
  init(membership: String, contents: (_ path: String) -> String?) {
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      for group in Self.groups(from: String(fields[2])) {
        if controllers.isEmpty {
          limit(memory: contents(group + "/memory.max"))
          limit(processors: contents(group + "/cpu.max"))
        }
        if controllers.contains("memory") {
          limit(memory: contents("/memory" + group + "/memory.limit_in_bytes"))
        }
        if controllers.contains("cpu") {
          // Mounted under the names of all its controllers, and mostly linked under each.
          let folder = ["/" + String(fields[1]), "/cpu"].first {
            contents($0 + group + "/cpu.cfs_quota_us") != nil
          }
          if let folder, let quota = contents(folder + group + "/cpu.cfs_quota_us"),
            let period = contents(folder + group + "/cpu.cfs_period_us")
          {
            limit(processors: "\(Self.word(quota)) \(Self.word(period))")
          }
        }
      }
    }
  }

  /// The group and all above it. A container may see its own group as the root, whatever it is called.
  private static func groups(from path: String) -> [String] {
    var groups = [""]
    for name in path.split(separator: "/") where name != ".." {
      groups.append((groups.last ?? "") + "/" + name)
    }
    return groups
  }

  /// Version 1 says that there is no limit by a number near the largest there is.
  private static let unlimited = 1 << 60

  private mutating func limit(memory text: String?) {
    guard let bytes = text.flatMap({ Int(Self.word($0)) }), (1..<Self.unlimited).contains(bytes)
    else { return }
    memory = min(memory ?? ByteCount(bytes: bytes), ByteCount(bytes: bytes))
  }

  /// - Parameter text: "quota period" in microseconds; "max" or -1 for no quota.
  private mutating func limit(processors text: String?) {
    let numbers = (text ?? "").split { $0 == " " || $0 == "\n" }.map { Double($0) }
    guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0
    else { return }
    processors = min(processors ?? .infinity, quota / period)
  }

  private static func word(_ text: String) -> Substring { text.prefix { $0 != "\n" && $0 != " " } }
}
