internal import Glibc

/// What the operating system knows of this process, read when it is asked for. Under the names that
/// Prometheus gives them everywhere. What cannot be read is left out.
enum ProcessMetrics {
  /// The lines of each metric, by its name.
  static func blocks() -> [String: String] {
    let statistics = ProcessStatistics.read()
    var blocks: [String: String] = [:]
    func add(_ name: String, _ kind: MetricKind, _ help: String, _ value: Double?) {
      guard let value else { return }
      blocks[name] = """
        # HELP \(name) \(help)
        # TYPE \(name) \(kind.rawValue)
        \(name) \(MetricName.number(value))\n
        """
    }
    add(
      "process_cpu_seconds_total", .counter, "Time on a CPU, user and system, in seconds.",
      statistics?.cpuSeconds)
    add(
      "process_open_fds", .gauge, "Open file descriptors.", openDescriptors().map(Double.init))
    add(
      "process_resident_memory_bytes", .gauge, "Resident memory in bytes.",
      statistics.map { Double($0.residentPages * sysconf(Int32(_SC_PAGESIZE))) })
    add(
      "process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.",
      statistics.flatMap { statistics in
        bootTime().map { Double($0) + statistics.startSecondsAfterBoot }
      })
    return blocks
  }

  private static func openDescriptors() -> Int? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    // The folder itself was open while it was counted.
    return count - 1
  }

  private static func bootTime() -> Int? {
    guard let text = SmallFile.read("/proc/stat") else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("btime ") {
      return Int(line.dropFirst("btime ".count))
    }
    return nil
  }
}

/// The fields of `/proc/self/stat` that matter here (proc(5)).
struct ProcessStatistics {
  var cpuSeconds: Double
  var startSecondsAfterBoot: Double
  var residentPages: Int

  static func read() -> ProcessStatistics? {
    SmallFile.read("/proc/self/stat").flatMap { ProcessStatistics($0) }
  }

  /// The name of the program is in parentheses and may hold anything, so fields are counted from
  /// the last parenthesis: what follows it is field 3.
  init?(_ text: String) {
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
      let start = Double(fields[19]), let pages = Int(fields[21])
    else { return nil }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    cpuSeconds = (user + system) / ticks
    startSecondsAfterBoot = start / ticks
    residentPages = pages
  }
}

/// A file of the kernel, that is made when it is read and has no size.
enum SmallFile {
  static let maximumSize = 1 << 20

  static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while bytes.count < maximumSize {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 { return nil }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
