import PropertyTesting
import Testing

@testable import WasmtimeEngine

@Suite struct DescriptorTableTests {
  private enum Step: Sendable, CustomStringConvertible {
    case add(UInt64), close(UInt32), move(UInt32, UInt32), narrow(UInt32)
    var description: String {
      switch self {
      case .add(let rights): "add \(rights)"
      case .close(let number): "close \(number)"
      case .move(let from, let to): "move \(from) to \(to)"
      case .narrow(let number): "narrow \(number)"
      }
    }
  }

  private static let step = Generator<Step> { choices in
    let number = Generator<Int>.int(in: 0...9)
    let (first, second) = (number.generate(&choices), number.generate(&choices))
    let steps: [Step] = [
      .add(UInt64(first)), .close(UInt32(first)), .move(UInt32(first), UInt32(second)),
      .narrow(UInt32(first)),
    ]
    return Generator<Step>.element(of: steps).generate(&choices)
  }

  /// What a descriptor of the model is: its rights, and whether it was given.
  private struct Entry: Equatable {
    var rights: UInt64
    var isGiven: Bool
  }

  private static func succeeds(_ body: () throws(WASIError) -> Void) -> Bool {
    do throws(WASIError) {
      try body()
      return true
    } catch {
      return false
    }
  }

  @Test func `the table is what a model of it is`() async throws {
    try await checkProperty(
      "descriptors are added, closed, moved and narrowed as in a model", cases: 500,
      Self.step.array(count: 0...40)
    ) { steps in
      let given = (0..<4).map { _ in Descriptor(kind: .log, rights: .write, isGiven: true) }
      var table = DescriptorTable(DescriptorTable.Given(given), mostOpened: 3)
      var model: [UInt32: Entry] = [:]
      for number in 0..<4 {
        model[UInt32(number)] = Entry(rights: Rights.write.rawValue, isGiven: true)
      }
      for step in steps {
        switch step {
        case .add(let rights):
          let hasRoom = model.values.count { !$0.isGiven } < 3
          guard Self.succeeds({ () throws(WASIError) in try table.checkRoom() }) == hasRoom else {
            return false
          }
          guard hasRoom else { break }
          let free = (3...).first { model[$0] == nil }
          let number = table.add(Descriptor(kind: .file, rights: Rights(rawValue: rights)))
          guard number == free else { return false }
          model[number] = Entry(rights: rights, isGiven: false)
        case .close(let number):
          let isOpen = model.removeValue(forKey: number) != nil
          guard Self.succeeds({ () throws(WASIError) in try table.close(number) }) == isOpen else {
            return false
          }
        case .move(let from, let to):
          let moves = Self.succeeds { () throws(WASIError) in try table.move(from, to: to) }
          guard moves == (model[from] != nil && model[to] != nil) else { return false }
          if moves, from != to { model[to] = model.removeValue(forKey: from) }
        case .narrow(let number):
          guard var entry = try? table[number] else { break }
          entry.rights = []
          try? table.replace(number, by: entry)
          model[number]?.rights = 0
        }
        for number in UInt32(0)..<12 {
          let found = try? table.kind(number).rights.rawValue
          guard found == model[number]?.rights else { return false }
          guard (try? table[number])?.isGiven == model[number]?.isGiven else { return false }
        }
      }
      return true
    }
  }
}
