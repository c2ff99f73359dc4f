import ClusterModel
import HostPorts
import Testing

@testable import WireProtocol

@Suite struct ModuleTransferTests {
  private static let digest = TestModule.digest(of: [1])
  private static let broken = ModuleTransfer.interrupted(digest, "the cable")
  private static let patience = Duration.seconds(60)
  private let start = ContinuousClock.now

  private func transfer(from bytes: [UInt8] = []) -> ModuleTransfer {
    ModuleTransfer(from: bytes, patience: Self.patience, at: start)
  }

  @Test func `a control plane is looked for again and again until it was away for too long`() {
    var transfer = transfer(from: [1, 2])
    var now = start
    while now < start + Self.patience {
      let pause = transfer.brokeOff(.controlPlaneAway, at: now)
      #expect(pause == ModuleTransfer.pauses.lowerBound)
      now += ModuleTransfer.pauses.lowerBound
    }
    #expect(transfer.brokeOff(.controlPlaneAway, at: now) == nil)
    #expect(transfer.bytes == [1, 2])
  }

  @Test func `it is not given up as long as something new comes`() {
    var transfer = transfer()
    for minute in 1...100 {
      transfer.bytes.append(1)
      #expect(transfer.brokeOff(Self.broken, at: start + .seconds(60 * minute)) != nil)
    }
    #expect(transfer.brokeOff(Self.broken, at: start + .seconds(60 * 100 + 59)) != nil)
    #expect(transfer.brokeOff(Self.broken, at: start + .seconds(60 * 100 + 60)) == nil)
  }

  @Test func `a control plane that breaks off is asked less and less often until a piece comes`() {
    var transfer = transfer()
    let pauses = (0..<8).map { _ in transfer.brokeOff(Self.broken, at: start) }
    #expect(
      pauses == [
        .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600),
        .milliseconds(3200), .seconds(5), .seconds(5), .seconds(5),
      ])
    transfer.bytes.append(1)
    #expect(transfer.brokeOff(Self.broken, at: start) == .milliseconds(200))
  }

  @Test func `what is damaged is fetched once more from its first byte on, and no third time`() {
    var transfer = transfer(from: [1, 2, 3])
    transfer.bytes = []
    #expect(transfer.brokeOff(ModuleTransfer.damaged(Self.digest), at: start) != nil)
    // Less than was there before, and new all the same.
    transfer.bytes = [4]
    let late = start + Self.patience + .seconds(1)
    #expect(transfer.brokeOff(Self.broken, at: late) != nil)
    transfer.bytes = []
    #expect(transfer.brokeOff(ModuleTransfer.damaged(Self.digest), at: late) == nil)
  }

  @Test func `what is not to be had is given up at once`() {
    var transfer = transfer()
    let missing = Problem(.notFound, code: "module_missing", "there is none")
    #expect(transfer.brokeOff(missing, at: start) == nil)
  }

  // What is kept of those that were given up.

  private static func module(_ number: UInt8) -> ModuleDigest { TestModule.digest(of: [number]) }

  @Test func `what came of a module is there once, and the most of it counts`() {
    let modules = UnfinishedModules()
    modules.keep([1, 2], of: Self.digest)
    modules.keep([1], of: Self.digest)
    modules.keep([], of: Self.module(7))
    #expect(modules.digests == [Self.digest])
    #expect(modules.take(Self.digest) == [1, 2])
    #expect(modules.take(Self.digest).isEmpty)
  }

  @Test func `the oldest make room when there are too many, or they are too large`() {
    let modules = UnfinishedModules(room: ByteCount(bytes: 10))
    let count = UInt8(UnfinishedModules.maximumCount)
    for number in 0...count { modules.keep([1], of: Self.module(number)) }
    #expect(modules.digests == (1...count).map { Self.module($0) })
    let large = [UInt8](repeating: 1, count: 10)
    modules.keep(large, of: Self.module(100))
    #expect(modules.digests == [Self.module(100)])
    modules.keep(large + [1], of: Self.module(101))
    #expect(modules.digests == [Self.module(100)])
  }

  @Test(.timeLimit(.minutes(10))) func `what nobody asks for any more is let go`() async throws {
    let modules = UnfinishedModules(lifetime: .milliseconds(1))
    modules.keep([1], of: Self.digest)
    try await until { modules.digests.isEmpty }
  }
}
