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
}
