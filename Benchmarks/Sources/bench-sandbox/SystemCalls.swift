import Foundation

/// The system calls of N activations after as many that warm up.
struct SystemCalls: Encodable {
  struct Row: Encodable {
    let name: String
    /// By name, in the middle one of the tries.
    let calls: [String: Int]
    /// Of each try, in order.
    let mapping: [Int]
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
      let tries = try (0..<Self.tries).map { _ in try Self.counted(child, guest, count) }
        .sorted { Self.mapping($0) < Self.mapping($1) }
      return Row(name: name, calls: tries[tries.count / 2], mapping: tries.map(Self.mapping))
    }
  }

  private static func mapping(_ calls: [String: Int]) -> Int {
    mappingCalls.reduce(0) { $0 + (calls[$1] ?? 0) }
  }

  private static let tries = 5

  private static func counted(_ child: Child, _ guest: String, _ count: Int) throws -> [String: Int]
  {
    let path = FileManager.default.temporaryDirectory.path + "/bench-sandbox-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try Child.start(child, guest: guest, count: count, under: ["strace", "-f", "-o", path])
    var calls: [String: Int] = [:]
    var marks = 0
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
      // Process, call(...; the rest of a call that was interrupted begins with <.
      guard
        let call = line.drop(while: \.isNumber).drop(while: \.isWhitespace)
          .prefix(while: { $0 != "(" && $0 != "<" && $0 != " " }).wholeMatch(of: /[a-z_0-9]+/)
      else { continue }
      if call.output == "getppid" {
        marks += 1
      } else if marks == 1 {
        calls[String(call.output), default: 0] += 1
      }
    }
    guard marks == 2 else { throw MeasuringFailed("strace saw no beginning and end") }
    return calls
  }

  var text: String {
    var text = """
      System calls of \(count) activations after as many, by strace; \(Self.tries) tries, the others of the middle one.

      | | that map memory, of each try | others |
      |---|---|---|

      """
    for row in rows {
      let others = row.calls.filter { !Self.mappingCalls.contains($0.key) }
        .sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
      text +=
        "| \(row.name) | \(row.mapping.map(String.init).joined(separator: ", ")) | \(others.joined(separator: ", ")) |\n"
    }
    return text
  }
}
