/// Rows and columns for people: a heading, aligned columns, two spaces between.
struct TextTable {
  struct Column {
    enum Alignment { case left, right }
    var title: String
    var alignment: Alignment

    static func text(_ title: String) -> Column { Column(title: title, alignment: .left) }
    static func number(_ title: String) -> Column { Column(title: title, alignment: .right) }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  init(_ columns: Column...) { self.init(columns) }

  init(_ columns: [Column]) { self.columns = columns }

  /// - Parameter cells: one for each column.
  mutating func add(_ cells: String...) { add(cells) }

  /// - Parameter cells: one for each column.
  mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "a row has a cell for each column")
    rows.append(cells.map { Terminal.harmless($0.isEmpty ? "-" : $0) })
  }

  /// Ends with a line break.
  var text: String {
    let heading = columns.map(\.title)
    let widths = columns.indices.map { index in
      ([heading] + rows).map { $0[index].count }.max() ?? 0
    }
    return ([heading] + rows).map { line($0, widths) + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var line = ""
    for index in columns.indices {
      let padding = String(repeating: " ", count: widths[index] - cells[index].count)
      switch columns[index].alignment {
      case .left: line += cells[index] + padding
      case .right: line += padding + cells[index]
      }
      line += "  "
    }
    while line.last == " " { line.removeLast() }
    return line
  }
}
