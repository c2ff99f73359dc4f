import PropertyTesting
import Testing

@testable import Scheduling

@Suite(.serialized) struct CeilingsTests {
  private enum Step {
    case append(Int)
    case set(Int, Int)
    case removeLast
  }

  private static let step = Generator<Step> { choices in
    switch choices.next(upTo: 4) {
    case 0: .append(Int(choices.next(upTo: 9)))
    case 1: .removeLast
    case _: .set(Int(choices.next(upTo: 9999)), Int(choices.next(upTo: 9)))
    }
  }

  @Test func `every level is exactly the best of the one below`() async throws {
    let inputs = zip(Generator<Int>.int(in: 0...600), Self.step.array(count: 0...60))
    try await checkProperty("ceilings of every history", cases: 200, inputs) { count, steps in
      var values = (0..<count).map { Float($0 % 7) }
      var ceilings = Ceilings(count: count) { values[$0] }
      for step in steps {
        switch step {
        case .append(let value):
          values.append(Float(value))
          ceilings.grow(to: values.count)
          ceilings.set(Float(value), values.count - 1)
        case .set(let row, let value):
          guard !values.isEmpty else { continue }
          values[row % values.count] = Float(value)
          ceilings.set(Float(value), row % values.count)
        case .removeLast:
          guard !values.isEmpty else { continue }
          values.removeLast()
          ceilings.set(Ceilings.none, values.count)
          ceilings.shrink(to: values.count)
        }
      }
      return Self.isRight(ceilings, values)
    }
  }

  private static func isRight(_ ceilings: Ceilings, _ values: [Float]) -> Bool {
    func level(_ vectors: ContiguousArray<Ceilings.Vector>) -> [Float] {
      vectors.flatMap { vector in (0..<Ceilings.lanes).map { vector[$0] } }
    }
    func padded(_ values: [Float]) -> [Float] {
      let short = (Ceilings.lanes - values.count % Ceilings.lanes) % Ceilings.lanes
      return values + Array(repeating: Ceilings.none, count: short)
    }
    let blocks = ceilings.rows.map { $0.max() }
    let groups = ceilings.blocks.map { $0.max() }
    return level(ceilings.rows) == padded(values) && level(ceilings.blocks) == padded(blocks)
      && level(ceilings.groups) == padded(groups)
  }

  @Test func `the lanes that reach what is needed are found`() {
    var first = Ceilings.Vector(repeating: 1)
    var second = Ceilings.Vector(repeating: 2)
    first[3] = Ceilings.none
    second[15] = Ceilings.none
    first[7] = 1.5
    #expect(Ceilings.reaching(2, first, second, weight: 0.5) == 0x7ff7)
    #expect(Ceilings.reaching(2.25, first, second, weight: 0.5) == 1 << 7)
    #expect(Ceilings.reaching(2.75, first, second, weight: 0.5) == 0)
    // What the second says does not count then.
    #expect(Ceilings.reaching(Ceilings.least, first, second, weight: 0) == 0xfff7)
    #expect(Ceilings.reaching(Ceilings.least, first, second, weight: 1000) == 0x7ff7)
  }

  @Test func `a ceiling is never below`() async throws {
    try await checkProperty("rounding up", cases: 300, Generator<Int>.int(in: 0...Int.max)) {
      bits in
      let value = Double(bits) / 1e15
      let ceiling = Ceilings.above(value)
      return Double(ceiling) >= value && Double(ceiling.nextDown) < value
    }
  }
}
