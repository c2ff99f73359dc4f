import ClusterModel
import PropertyTesting
import Testing

@testable import NodeTracking

@Suite struct CircuitBreakerTests {
  private typealias State = CircuitBreaker.State
  private static let begin = MonotonicInstant(nanoseconds: 1_000_000_000_000)

  private enum Event: CaseIterable { case success, failure, tooEarly, backOffOver, windowOver }
  private enum Situation: CaseIterable {
    case closed, almostOpen, open, halfOpen, almostClosed
  }
  private enum Phase { case closed, open, halfOpen }

  private static func phase(_ breaker: CircuitBreaker) -> Phase {
    switch breaker.state {
    case .closed: .closed
    case .open: .open
    case .halfOpen: .halfOpen
    }
  }

  private static func breaker(_ situation: Situation) -> (CircuitBreaker, MonotonicInstant) {
    var random = SeededRandom(seed: 1)
    var breaker = CircuitBreaker()
    var now = begin
    switch situation {
    case .closed: return (breaker, now)
    case .almostOpen:
      for _ in 0..<4 { breaker.record(.failure, at: now, using: &random) }
      return (breaker, now)
    case .open, .halfOpen, .almostClosed:
      for _ in 0..<5 { breaker.record(.failure, at: now, using: &random) }
    }
    if situation == .open { return (breaker, now) }
    now = breaker.nextDeadline ?? now
    breaker.wake(at: now)
    if situation == .almostClosed { breaker.record(.success, at: now, using: &random) }
    return (breaker, now)
  }

  private static func outcome(_ situation: Situation, _ event: Event) -> Phase {
    switch (situation, event) {
    case (.closed, _): .closed
    case (.almostOpen, .failure): .open
    case (.almostOpen, .success), (.almostOpen, .tooEarly), (.almostOpen, .backOffOver),
      (.almostOpen, .windowOver):
      .closed
    case (.open, .backOffOver), (.open, .windowOver): .halfOpen
    case (.open, .success), (.open, .failure), (.open, .tooEarly): .open
    case (.halfOpen, .failure), (.almostClosed, .failure): .open
    case (.almostClosed, .success): .closed
    case (.halfOpen, .success), (.halfOpen, .tooEarly), (.halfOpen, .backOffOver),
      (.halfOpen, .windowOver), (.almostClosed, .tooEarly), (.almostClosed, .backOffOver),
      (.almostClosed, .windowOver):
      .halfOpen
    }
  }

  @Test func `what follows from every input in every situation is what the table says`() {
    var random = SeededRandom(seed: 2)
    for situation in Situation.allCases {
      for event in Event.allCases {
        var (breaker, now) = Self.breaker(situation)
        switch event {
        case .success: breaker.record(.success, at: now, using: &random)
        case .failure: breaker.record(.failure, at: now, using: &random)
        case .tooEarly:
          breaker.wake(at: (breaker.nextDeadline ?? now) + .nanoseconds(-1))
        case .backOffOver: breaker.wake(at: breaker.nextDeadline ?? now)
        case .windowOver:
          now = now + .seconds(10)
          breaker.wake(at: now)
        }
        #expect(
          Self.phase(breaker) == Self.outcome(situation, event), "\(situation) and \(event)")
      }
    }
  }

  @Test func `failures that are longer ago than the window do not count`() {
    var random = SeededRandom(seed: 3)
    var (breaker, now) = Self.breaker(.almostOpen)
    #expect(!breaker.isQuiet(at: now + .seconds(10) + .nanoseconds(-1)))
    now = now + .seconds(10)
    #expect(breaker.isQuiet(at: now))
    breaker.record(.failure, at: now, using: &random)
    #expect(breaker.state == .closed)
  }

  @Test func `it may be asked again when its back-off is over, whether or not it was woken`() {
    let (breaker, now) = Self.breaker(.open)
    let until = breaker.nextDeadline ?? now
    #expect(!breaker.allows(at: until + .nanoseconds(-1)))
    #expect(breaker.allows(at: until))
  }

  @Test func `the back-off doubles with each opening, and begins anew when it was closed`() {
    var random = SeededRandom(seed: 4)
    var (breaker, now) = Self.breaker(.open)
    for longest in [1, 2, 4, 8, 16, 32, 60, 60] {
      let backOff = (breaker.nextDeadline ?? now) - now
      #expect(backOff >= .milliseconds(longest * 500) && backOff <= .seconds(longest))
      now = now + backOff
      breaker.record(.failure, at: now, using: &random)
    }
    now = breaker.nextDeadline ?? now
    for _ in 0..<2 { breaker.record(.success, at: now, using: &random) }
    #expect(breaker.state == .closed)
    for _ in 0..<5 { breaker.record(.failure, at: now, using: &random) }
    #expect((breaker.nextDeadline ?? now) - now <= .seconds(1))
  }

  @Test func `settings out of their range are refused`() {
    func isRefused(_ change: (inout CircuitBreaker.Configuration) -> Void) -> Bool {
      var configuration = CircuitBreaker.Configuration()
      change(&configuration)
      do {
        try configuration.validate()
        return false
      } catch {
        return true
      }
    }
    #expect(!isRefused { _ in })
    #expect(isRefused { $0.failures = 0 })
    #expect(isRefused { $0.failures = 1001 })
    #expect(isRefused { $0.window = .zero })
    #expect(isRefused { $0.successes = 0 })
    #expect(isRefused { $0.initialBackOff = .zero })
    #expect(isRefused { $0.initialBackOff = .seconds(61) })
    #expect(isRefused { $0.maximumBackOff = .seconds(3601) })
    #expect(isRefused { $0.window = .seconds(3601) })
    #expect(isRefused { $0.successes = 1001 })
    #expect(!isRefused { $0.window = .seconds(3600) })
    #expect(!isRefused { $0.window = .nanoseconds(1) })
    #expect(!isRefused { $0.initialBackOff = .nanoseconds(1) })
    #expect(!isRefused { $0.initialBackOff = .seconds(60) })
    #expect(!isRefused { $0.maximumBackOff = .seconds(3600) })
    #expect(!isRefused { $0.failures = 1 } && !isRefused { $0.failures = 1000 })
    #expect(!isRefused { $0.successes = 1 } && !isRefused { $0.successes = 1000 })
  }

  // Feature: wasmatrix, Property 9: For any Wasm process crash or system failure, the Supervisor should
  // restart processes immediately using configured strategies, implement circuit breaker patterns for
  // cascading failures, and maintain fault tolerance metrics
  @Test func `a node that keeps failing is asked ever more rarely, one that is well always`()
    async throws
  {
    // Each step: the time that passes, and whether it fails when it is asked.
    let steps = zip(Generator<Int>.int(in: 0...3000), Generator<Bool>.bool).array(count: 0...150)
    try await checkProperty(
      "Feature: wasmatrix, Property 9: circuit breakers against cascading failures", cases: 300,
      zip(steps, Generator<UInt64>.int(in: 0 ... .max))
    ) { steps, seed in
      var random = SeededRandom(seed: seed)
      var breaker = CircuitBreaker()
      var now = Self.begin
      // Of everything that was asked, the newest last.
      var history: [(at: MonotonicInstant, failed: Bool)] = []
      var openings = 0
      for (pass, fails) in steps {
        now = now + .milliseconds(pass)
        guard breaker.allows(at: now) else { continue }
        let wasTried = Self.phase(breaker) != .closed
        breaker.record(fails ? .failure : .success, at: now, using: &random)
        history.append((now, fails))
        let recent = history.filter { $0.failed && $0.at + .seconds(10) > now }.count
        switch breaker.state {
        case .open(let until):
          openings += 1
          guard fails, wasTried || recent >= 5,
            until - now <= breaker.configuration.longestBackOff(opening: openings),
            until - now >= .milliseconds(500)
          else { return false }
          history = []
        case .closed:
          if wasTried {
            guard history.suffix(2).count == 2, history.suffix(2).allSatisfy({ !$0.failed }) else {
              return false
            }
            openings = 0
            history = []
          } else if recent >= 5 {
            return false
          }
        case .halfOpen(let successes):
          guard wasTried, !fails, successes == 1 else { return false }
        }
      }
      return true
    }
  }
}

@Suite struct CircuitBreakersTests {
  private var now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 1_000_000_000_000),
    wall: WallInstant(microseconds: 0))
  private var random = SeededRandom(seed: 5)

  private static let sick = NodeID(unchecked: "sick")
  private static let well = NodeID(unchecked: "well")

  private mutating func fail(_ node: NodeID, times: Int, _ breakers: inout CircuitBreakers) {
    for _ in 0..<times { breakers.record(.failure, of: node, at: now, using: &random) }
  }

  @Test mutating func `the breaker of one node is not that of another`() {
    var breakers = CircuitBreakers()
    fail(Self.sick, times: 5, &breakers)
    fail(Self.well, times: 4, &breakers)
    #expect(breakers.isOpen(Self.sick, at: now.monotonic))
    #expect(!breakers.isOpen(Self.well, at: now.monotonic))
    #expect(breakers.open(at: now.monotonic) == [Self.sick])
    #expect(breakers.timesOpened == 1)
  }

  @Test mutating func `waking names whoever may be asked again, sorted`() throws {
    var breakers = CircuitBreakers()
    for node in nodes(3).reversed() { fail(node, times: 5, &breakers) }
    #expect(breakers.wake(at: now.monotonic) == [])
    let first = try #require(breakers.nextDeadline)
    #expect(breakers.wake(at: first).count == 1)
    #expect(breakers.wake(at: now.monotonic + .seconds(1)).count == 2)
    #expect(breakers.nextDeadline == nil)

    var together = CircuitBreakers()
    for node in nodes(3).reversed() { fail(node, times: 5, &together) }
    #expect(together.wake(at: now.monotonic + .seconds(1)) == nodes(3))
  }

  @Test mutating func `a report between back-off and waking loses neither`() throws {
    var breakers = CircuitBreakers()
    fail(Self.sick, times: 5, &breakers)
    now.monotonic = try #require(breakers.nextDeadline)
    var succeeds = breakers
    succeeds.record(.success, of: Self.sick, at: now, using: &random)
    #expect(succeeds.wake(at: now.monotonic) == [Self.sick])
    fail(Self.sick, times: 1, &breakers)
    #expect(breakers.timesOpened == 2)
    #expect(breakers.wake(at: now.monotonic) == [])
    #expect(breakers.isOpen(Self.sick, at: now.monotonic))
    #expect(breakers.wake(at: now.monotonic + .seconds(2)) == [Self.sick])
  }

  @Test mutating func `what is quiet is not kept`() throws {
    var breakers = CircuitBreakers()
    breakers.record(.success, of: Self.well, at: now, using: &random)
    #expect(breakers.breakers.isEmpty)
    fail(Self.sick, times: 5, &breakers)
    now.monotonic = try #require(breakers.nextDeadline)
    for _ in 0..<2 { breakers.record(.success, of: Self.sick, at: now, using: &random) }
    #expect(breakers.breakers.isEmpty)
    #expect(breakers.state(of: Self.sick) == .closed)
  }

  @Test mutating func `there are no more than the limit, and the quiet ones make room`() {
    var breakers = CircuitBreakers(limit: 2)
    for node in nodes(3) { fail(node, times: 5, &breakers) }
    #expect(breakers.open(at: now.monotonic) == nodes(2))
    breakers.forget(nodes(1)[0])
    fail(nodes(3)[2], times: 4, &breakers)
    now.monotonic = now.monotonic + .seconds(10)
    fail(Self.sick, times: 5, &breakers)
    #expect(breakers.isOpen(Self.sick, at: now.monotonic))
    #expect(breakers.breakers.count == 2)
  }
}
