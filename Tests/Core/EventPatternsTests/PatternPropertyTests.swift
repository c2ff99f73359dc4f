import ClusterModel
import Foundation
import PropertyTesting
import Testing

@testable import EventPatterns

// Feature: wasmatrix, Property 12: For any event and any content filter, an event reaches exactly the
// subscribers whose filter it passes
@Suite(.serialized) struct PatternPropertyTests {
  @Test func `a pattern means what its documentation says`() async throws {
    var matched = 0
    try await checkProperty(
      "Feature: wasmatrix, Property 12: a pattern matches what the reference says",
      cases: 2000, zip(Generators.pattern, Generators.event, Generators.data)
    ) { json, event, data in
      let found = try EventPattern(json).matches(event, data: data)
      if found { matched += 1 }
      return found == ReferenceEvaluator.matches(json, event, data)
    }
    // A property that never sees a match says little.
    #expect(matched > 100, "only \(matched)")
  }

  @Test func `a pattern is the same after it was written and read`() async throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try await checkProperty(
      "Feature: wasmatrix, Property 12: the encoding of a pattern round-trips and is stable",
      cases: 500, Generators.pattern
    ) { json in
      let pattern = try EventPattern(json)
      let bytes = try encoder.encode(pattern)
      let read = try JSONDecoder().decode(EventPattern.self, from: bytes)
      return try read == pattern && read.hashValue == pattern.hashValue
        && encoder.encode(read) == bytes && EventPattern(pattern.json) == pattern
    }
  }

  @Test func `patterns of any shape are read or refused, and never crash`() async throws {
    let names = Generator<String>.element(of: [
      "prefix", "wildcard", "numeric", "exists", "anything-but", "$or", "equals-ignore-case",
    ])
    let odd = zip(names, Generators.value(2)).map { JSONValue.object([$0: $1]) }
    let tests = Generator<JSONValue>.oneOf([Generators.test, Generators.value(2), odd])
    let lists = tests.array(count: 0...3).map { JSONValue.array($0) }
    let fields: Generator<(String, JSONValue)> = zip(
      .element(of: ["data", "type", "$or", "no such", "e1"]),
      .oneOf([lists, Generators.value(3)]))
    try await checkProperty(
      "Feature: wasmatrix, Property 12: whatever is read as a pattern reads again as the same",
      cases: 3000, fields.array(count: 0...3)
    ) { fields in
      let json = JSONValue.object(Dictionary(fields) { first, _ in first })
      guard let pattern = try? EventPattern(json) else { return !problem(json).isEmpty }
      return try EventPattern(pattern.json) == pattern
    }
  }

  @Test func `numbers have one order, whatever they are made of`() async throws {
    let whole = Generator<Int64>.oneOf([
      .int(in: -3...3), .int(in: .min ... .max), .int(in: .max - 2000 ... .max),
      .int(in: 9_007_199_254_740_990...9_007_199_254_740_996),
    ])
    let steps = Generator<Int>.int(in: -2...2)
    try await checkProperty(
      "Feature: wasmatrix, Property 12: integers and doubles are compared exactly",
      cases: 3000, zip(whole, whole, steps)
    ) { left, right, steps in
      var double = Double(right)
      for _ in 0..<abs(steps) { double = steps < 0 ? double.nextDown : double.nextUp }
      guard let number = PatternNumber(double) else { return false }
      // A Double of this size has no more digits than this prints, and an Int128 holds it.
      let doubled = Int128((double * 2).rounded(.down))
      let expected = Int128(left) * 2
      let isLess = PatternNumber(left) < number
      let isMore = number < PatternNumber(left)
      let isEqual = number == PatternNumber(left)
      let fraction = double != double.rounded(.down)
      let wantsLess =
        expected < doubled || expected == doubled && fraction && double * 2 > Double(doubled)
      return [isLess, isMore, isEqual].count { $0 } == 1 && isLess == wantsLess
        && isEqual == (!fraction && Int128(double) == Int128(left))
    }
  }
}
