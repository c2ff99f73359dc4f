import ClusterModel
import PropertyTesting
import Testing

@Suite struct RetryPolicyTests {
  @Test func `any wait lies between nothing and the longest there is`() async throws {
    let hour = Int64(3_600_000_000_000)
    let delays = zip(Generator<Int64>.int(in: 1_000_000...hour), .int(in: 1_000_000...hour))
    let attempts = Generator<Int>.oneOf([.int(in: 2...100), .int(in: 2 ... .max)])
    try await checkProperty(
      "a delay is bounded", cases: 2000,
      zip(delays, attempts, Generator<UInt64>.int(in: 0 ... .max))
    ) { delays, attempt, seed in
      let policy = RetryPolicy(
        initialDelay: .nanoseconds(delays.0), maximumDelay: .nanoseconds(delays.1))
      var random = SeededRandom(seed: seed)
      let ceiling = policy.delayCeiling(beforeAttempt: attempt)
      let delay = policy.delay(beforeAttempt: attempt, using: &random)
      let previous = policy.delayCeiling(beforeAttempt: attempt - 1)
      return delay >= .zero && delay <= ceiling && previous <= ceiling
        && ceiling <= policy.maximumDelay && ceiling <= previous * 2
    }
  }

  @Test func `the longest wait doubles up to its maximum`() {
    let policy = RetryPolicy(
      attempts: 9, initialDelay: .milliseconds(100), maximumDelay: .milliseconds(700))
    let waits = (2...6).map { policy.delayCeiling(beforeAttempt: $0) }
    #expect(waits == [100, 200, 400, 700, 700].map { .milliseconds($0) })
  }

  @Test func `the same random numbers give the same wait, and others another`() {
    let policy = RetryPolicy()
    let waits = [UInt64(1), 1, 2].map { seed in
      var random = SeededRandom(seed: seed)
      return policy.delay(beforeAttempt: 4, using: &random)
    }
    #expect(waits[0] == waits[1] && waits[0] != waits[2])
  }
}
