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
///   - regressionSeeds: seeds that once failed; tried first.
/// - Throws: ``PropertyFailure`` with a shrunk counter-example.
public func checkProperty<Value>(
  _ name: String, cases: Int = 100, regressionSeeds: [UInt64] = [], _ generator: Generator<Value>,
  _ holds: (Value) async throws -> Bool
) async throws {
  for seed in regressionSeeds + [startingSeed()] {
    for number in 0..<cases {
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

private func startingSeed() -> UInt64 {
  ProcessInfo.processInfo.environment["WASMATRIX_PROPERTY_SEED"].flatMap(UInt64.init)
    ?? UInt64.random(in: 0 ... .max)
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

/// Simpler choice sequences: with a piece removed, then with one choice smaller.
private func candidates(_ choices: [UInt64]) -> [[UInt64]] {
  var removals: [[UInt64]] = []
  var size = choices.count / 2
  while size > 0 {
    for start in stride(from: 0, to: choices.count - size + 1, by: size) {
      removals.append(Array(choices[..<start] + choices[(start + size)...]))
    }
    size /= 2
  }
  var reductions: [[UInt64]] = []
  for index in choices.indices {
    for smaller in smallerChoices(than: choices[index]) {
      var copy = choices
      copy[index] = smaller
      reductions.append(copy)
    }
  }
  return removals + reductions
}

/// Nothing, then half, three quarters, seven eighths, ...: a search for the border.
private func smallerChoices(than choice: UInt64) -> [UInt64] {
  var smaller: [UInt64] = []
  var step = choice
  while step > 0 {
    smaller.append(choice - step)
    step /= 2
  }
  return smaller
}
