import PropertyTesting
import Testing

/// The property testing itself: a test that cannot fail would be worth nothing.
@Suite struct PropertyTestingTests {
  @Test func `a property that does not hold fails with a small counter-example`() async throws {
    let lists = Generator<Int>.int(in: 0...1000).array(count: 0...50)
    do {
      try await checkProperty("no list holds a number above 100", lists) { list in
        list.allSatisfy { $0 <= 100 }
      }
      Issue.record("the property should have failed")
    } catch let failure as PropertyFailure {
      #expect(failure.counterExample == "[101]")
      #expect(failure.description.contains("WASMATRIX_PROPERTY_SEED=\(failure.seed)"))
    }
  }

  @Test func `the same seed makes the same values`() {
    let generator = zip(
      Generator<[UInt8]>.bytes(count: 0...20), Generator<String>.string(of: "abc", count: 0...9))
    let first = generator.sample(seed: 42)
    let second = generator.sample(seed: 42)
    #expect(first == second)
  }

  @Test func `the seed of a failure fails again in the same case`() async throws {
    let numbers = Generator<Int>.int(in: 0...1_000_000)
    let failure = try #require(await firstFailure(seed: nil, numbers) { $0 % 50 != 7 })
    let again = try #require(await firstFailure(seed: failure.seed, numbers) { $0 % 50 != 7 })
    #expect(again.testCase == failure.testCase)
    #expect(again.description == failure.description)
  }

  @Test func `seeds that once failed are tried first`() async throws {
    do {
      try await checkProperty(
        "nothing holds", seed: 2, regressionSeeds: [1], Generator<Bool>.bool
      ) { _ in false }
      Issue.record("the property should have failed")
    } catch let failure as PropertyFailure {
      #expect(failure.seed == 1 && failure.testCase == 0)
    }
  }

  @Test func `what a property throws is its reason`() async throws {
    struct Odd: Error {}
    let failure = await firstFailure(seed: nil, .int(in: 0...9)) { number in
      if number % 2 == 1 { throw Odd() }
      return true
    }
    #expect(failure?.counterExample == "1")
    #expect(failure?.reason.contains("Odd") == true)
  }

  @Test func `a property is tried a hundred times`() async throws {
    var cases = 0
    try await checkProperty("counts", Generator<Bool>.bool) { _ in
      cases += 1
      return true
    }
    #expect(cases == 100)
  }

  @Test func `integers keep to their range, whatever their size and sign`() async throws {
    let any = Generator<Int8>.int(in: .min ... .max)
    let bounds = zip(any, any)
    try await checkProperty(
      "in range", cases: 2000, zip(bounds, Generator<UInt64>.int(in: 0 ... .max))
    ) { bounds, seed in
      let range = min(bounds.0, bounds.1)...max(bounds.0, bounds.1)
      let wide = Int64(range.lowerBound)...Int64(range.upperBound)
      return range.contains(Generator<Int8>.int(in: range).sample(seed: seed))
        && wide.contains(Generator<Int64>.int(in: wide).sample(seed: seed))
    }
  }

  private func firstFailure(
    seed: UInt64?, _ numbers: Generator<Int>, _ holds: (Int) throws -> Bool
  ) async -> PropertyFailure? {
    do {
      try await checkProperty("fails", cases: 5000, seed: seed, numbers) { try holds($0) }
      return nil
    } catch {
      return error as? PropertyFailure
    }
  }
}
