import Foundation

/// The system calls that N more activations make: those of 2N without those of N.
struct SystemCalls: Encodable {
  struct Row: Encodable {
    let name: String
    /// By name, of N more activations.
    let calls: [String: Int]
    let mapping: Int
  }

  let count: Int
  let rows: [Row]

  static let mappingCalls: Set = ["mmap", "munmap", "mprotect", "madvise", "mremap", "brk"]

  init(guest: String, count: Int) throws {
    self.count = count
    rows = try [
      ("C", Child.cRuns), ("Swift, on the worker's thread", .swiftRuns),
      ("Swift, handed over by a task and awaited", .swiftAwaited),
    ].map { name, child in
      let few = try Self.least(child, guest, count)
      let many = try Self.least(child, guest, 2 * count)
      var calls: [String: Int] = [:]
      for name in Set(few.keys).union(many.keys) {
        let more = (many[name] ?? 0) - (few[name] ?? 0)
        if more != 0 { calls[name] = more }
      }
      return Row(
        name: name, calls: calls,
        mapping: Self.mappingCalls.reduce(0) { $0 + abs(calls[$1] ?? 0) })
    }
  }

  /// The least of each call in some tries: threads of the runtime begin when they like, and map their stacks.
  private static func least(_ child: Child, _ guest: String, _ count: Int) throws -> [String: Int] {
    let tries = try (0..<Self.tries).map { _ in try counted(child, guest, count) }
    let names = Set(tries.flatMap(\.keys))
    return Dictionary(
      uniqueKeysWithValues: names.map { name in (name, tries.map { $0[name] ?? 0 }.min() ?? 0) })
  }

  private static let tries = 5

  private static func counted(_ child: Child, _ guest: String, _ count: Int) throws -> [String: Int]
  {
    let path = FileManager.default.temporaryDirectory.path + "/bench-sandbox-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try Child.start(
      child, guest: guest, count: count, under: ["strace", "-f", "-c", "-o", path])
    var calls: [String: Int] = [:]
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
      // Share, seconds, microseconds a call, calls, errors if there are any, name.
      let columns = line.split(separator: " ")
      guard columns.count >= 5, let number = Int(columns[3]), let name = columns.last,
        name != "total"
      else { continue }
      calls[String(name)] = number
    }
    guard !calls.isEmpty else { throw MeasuringFailed("strace counted nothing") }
    return calls
  }

  var text: String {
    var text = """
      System calls of \(count) more activations, by strace (those of \(2 * count) without those of \(count), \
      each the least of \(Self.tries) tries).

      | | that map memory | others |
      |---|---|---|

      """
    for row in rows {
      let others = row.calls.filter { !Self.mappingCalls.contains($0.key) }
        .sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
      text += "| \(row.name) | \(row.mapping) | \(others.joined(separator: ", ")) |\n"
    }
    return text
  }
}
