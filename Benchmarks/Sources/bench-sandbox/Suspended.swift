import Foundation
import Measuring

/// The memory of instances that wait, each in a process of its own.
struct Suspended: Encodable {
  struct Row: Encodable {
    let name: String
    let instances: Int
    /// Bytes an instance.
    let resident: Double
    let pageTables: Double
    let mappings: Double
    var all: Double { resident + pageTables }
  }

  let rows: [Row]

  init(guest: String, counts: [Int]) throws {
    var rows: [Row] = []
    for count in counts {
      for (name, child) in [
        ("C", Child.cSuspended), ("Swift", .swiftSuspended),
        ("Swift, each awaited by a task", .swiftSuspendedAwaited),
      ] {
        let numbers = try Child.start(child, guest: guest, count: count).split {
          " \n".contains($0)
        }
        .compactMap { Double($0) }
        guard numbers.count == 3 else { throw MeasuringFailed("the child printed \(numbers)") }
        rows.append(
          Row(
            name: name, instances: count, resident: numbers[0], pageTables: numbers[1],
            mappings: numbers[2]))
      }
    }
    self.rows = rows
  }

  var text: String {
    var text = """
      Memory of instances that wait in poll_oneoff, bytes each.

      | | instances | resident | page tables | both | ratio | mappings |
      |---|---|---|---|---|---|---|

      """
    for (index, row) in rows.enumerated() {
      let ratio = row.all / rows[index - index % 3].all
      text += "| \(row.name) | \(row.instances) | \(Int(row.resident)) | \(Int(row.pageTables)) "
      text += "| \(Int(row.all)) | \(Spread.text(ratio)) | \(Spread.text(row.mappings)) |\n"
    }
    return text
  }
}
