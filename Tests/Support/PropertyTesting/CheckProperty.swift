import Foundation

/// A property did not hold; says for which value, the smallest that was found, and how to see it
/// again.
public struct PropertyFailure: Error, CustomStringConvertible {
  public let property: String
  public let seed: UInt64
  public let testCase: Int
  public let counterExample: String
  public let reason: String

  public var description: String {
    """
    \(property)
      does not hold for \(counterExample)
      because \(reason)
      seed \(seed), case \(testCase); again with WASMATRIX_PROPERTY_SEED=\(seed)
    """
  }
}

/// How often a counter-example is made smaller at most.
private let maximumShrinks = 2000

/// Checks that `holds` is true, and throws nothing, for many generated values.
///
/// - Parameters:
///   - name: the property, tagged `Feature: wasmatrix, Property N: ...` where it is one of the 18.
///   - cases: how many values; 100 at least for the 18.
///   - seed: where to start; default: `WASMATRIX_PROPERTY_SEED`, or another one each time.
///   - regressionSeeds: seeds that once failed; tried first.
/// - Throws: ``PropertyFailure`` with a shrunk counter-example; ``InvalidSeed``.
public func checkProperty<Value>(
  _ name: String, cases: Int = 100, seed: UInt64? = nil, regressionSeeds: [UInt64] = [],
  _ generator: Generator<Value>, _ holds: (Value) async throws -> Bool
) async throws {
  let seeds = regressionSeeds + [try seed ?? startingSeed()]
  try await Turns.ofProperties.take {
    try await check(name, cases: cases, seeds: seeds, generator, holds)
  }
}

private func check<Value>(
  _ name: String, cases: Int, seeds: [UInt64], _ generator: Generator<Value>,
  _ holds: (Value) async throws -> Bool
) async throws {
  for seed in seeds {
    for number in 0..<cases {
      // All tests share the few threads of the machine: servers in others must get their turn.
      await Task.yield()
      var choices = Choices(seed: seed &+ UInt64(number) &* 0x2545_f491_4f6c_dd1d)
      let value = generator.generate(&choices)
      guard let reason = await complaint(value, holds) else { continue }
      let smallest = await shrink(choices.made, reason, generator, holds)
      var replay = Choices(replaying: smallest.choices)
      throw PropertyFailure(
        property: name, seed: seed, testCase: number,
        counterExample: "\(generator.generate(&replay))", reason: smallest.reason)
    }
  }
}

/// `WASMATRIX_PROPERTY_SEED` holds no seed.
public struct InvalidSeed: Error, CustomStringConvertible {
  public let text: String
  public var description: String {
    "WASMATRIX_PROPERTY_SEED is \(text), which is no number from 0 to 2^64 - 1"
  }
}

/// The seed of the environment, or a random one. A test that draws values without a property names it
/// in its messages.
///
/// - Throws: ``InvalidSeed``, rather than to look as if a replay had passed.
public func startingSeed() throws -> UInt64 {
  guard let text = ProcessInfo.processInfo.environment["WASMATRIX_PROPERTY_SEED"] else {
    return UInt64.random(in: 0 ... .max)
  }
  guard let seed = UInt64(text) else { throw InvalidSeed(text: text) }
  return seed
}

private func complaint<Value>(
  _ value: Value, _ holds: (Value) async throws -> Bool
) async -> String? {
  do {
    return try await holds(value) ? nil : "it is false"
  } catch {
    return "it throws \(error)"
  }
}

private func shrink<Value>(
  _ choices: [UInt64], _ reason: String, _ generator: Generator<Value>,
  _ holds: (Value) async throws -> Bool
) async -> (choices: [UInt64], reason: String) {
  var best = (choices: choices, reason: reason)
  var budget = maximumShrinks
  var improved = true
  while improved && budget > 0 {
    improved = false
    for candidate in candidates(best.choices) {
      guard budget > 0 else { break }
      budget -= 1
      var replay = Choices(replaying: candidate)
      let value = generator.generate(&replay)
      if let reason = await complaint(value, holds) {
        best = (candidate, reason)
        improved = true
        break
      }
    }
  }
  return best
}

/// Simpler choice sequences: with a piece removed, then with one choice smaller. Lazy, as all of them
/// together are many times the sequence.
private func candidates(_ choices: [UInt64]) -> some Sequence<[UInt64]> {
  let sizes = sequence(first: choices.count / 2) { $0 > 1 ? $0 / 2 : nil }.filter { $0 > 0 }
  let removals = sizes.lazy.flatMap { size in
    stride(from: 0, through: choices.count - size, by: size).lazy.map { start in
      Array(choices[..<start] + choices[(start + size)...])
    }
  }
  let reductions = choices.indices.lazy.flatMap { index in
    smallerChoices(than: choices[index]).lazy.map { smaller in
      var copy = choices
      copy[index] = smaller
      return copy
    }
  }
  return [AnySequence(removals), AnySequence(reductions)].lazy.joined()
}

/// Nothing, then half, three quarters, seven eighths, ...: a search for the border. Few are all tried:
/// what fails need not fail on one side of a border only.
private func smallerChoices(than choice: UInt64) -> [UInt64] {
  guard choice > 8 else { return Array(0..<choice) }
  var smaller: [UInt64] = []
  var step = choice
  while step > 0 {
    smaller.append(choice - step)
    step /= 2
  }
  return smaller
}
