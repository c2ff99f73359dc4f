import ClusterModel
import HostPorts
import Testing

@testable import NodeAgent

@Suite struct CallerMemoryTests {
  private func at(_ seconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
  }

  private func holder(_ name: String) -> TokenHolder {
    TokenHolder(name: TokenName(unchecked: name), role: .viewer)
  }

  @Test func `a caller is remembered for a few seconds and no longer`() {
    var memory = CallerMemory()
    memory.remember(holder("a"), of: "token", at: at(1))
    #expect(memory.holder(of: "token", at: at(1)) == holder("a"))
    #expect(memory.holder(of: "other", at: at(1)) == nil)
    let end = at(1) + CallerMemory.life
    #expect(memory.holder(of: "token", at: end) == nil)
  }

  @Test func `callers beyond so many make it forget those before`() {
    var memory = CallerMemory()
    for number in 0...CallerMemory.most {
      memory.remember(holder("a"), of: "\(number)", at: at(1))
    }
    #expect(memory.holder(of: "0", at: at(1)) == nil)
    #expect(memory.holder(of: "\(CallerMemory.most)", at: at(1)) == holder("a"))
  }

  @Test func `what took how long is counted by its bounds`() {
    var counts = LatencyCounts()
    counts.count(.microseconds(100))
    counts.count(.microseconds(101))
    counts.count(.seconds(31))
    #expect(counts.counts.first == 1)
    #expect(counts.counts[1] == 1)
    #expect(counts.counts.last == 1)
    #expect(counts.counts.reduce(0, +) == 3)
  }
}
