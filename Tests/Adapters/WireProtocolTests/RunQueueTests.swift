import ClusterModel
import Foundation
import HostPorts
import PropertyTesting
import SwiftProtobuf
import Synchronization
import Testing
import WireMessages

@testable import WireProtocol

@Suite(.timeLimit(.minutes(10)))
struct RunQueueTests {
  private static func order(_ id: UInt64, _ bytes: Int) -> WireRunOrder {
    .with {
      $0.id = id
      $0.invocation = .with {
        $0.event = .with { $0.data = Data(repeating: UInt8(truncatingIfNeeded: id), count: bytes) }
      }
    }
  }

  private static func cancel(_ id: UInt64) -> WireRunOrder {
    .with {
      $0.id = id
      $0.cancel = WireEmpty()
    }
  }

  private static let large = 3 * WireLimits.piece.bytes + 1

  /// All that is written, as text.
  private func written(_ queue: RunQueue) async -> [String] {
    queue.finish()
    var texts: [String] = []
    while let order = await queue.next() {
      switch order.order {
      case .invocation(let invocation):
        texts.append(
          invocation.followingBytes > 0 ? "begin \(order.id)" : "whole \(order.id)")
      case .piece: texts.append("piece \(order.id)")
      case .cancel: texts.append("cancel \(order.id)")
      case nil: texts.append("?")
      }
    }
    return texts
  }

  @Test func `a large event does not hold up small ones, and gets on beside many of them`() async {
    let queue = RunQueue()
    #expect(queue.send(Self.order(0, Self.large), inPieces: true) == .taken)
    for id in 1...40 { #expect(queue.send(Self.order(UInt64(id), 10), inPieces: true) == .taken) }
    let texts = await written(queue)
    #expect(texts.prefix(3) == ["begin 0", "whole 1", "whole 2"])
    let pieces = texts.indices.filter { texts[$0] == "piece 0" }
    #expect(pieces.count == 4)
    #expect(pieces[0] == WireLimits.ordersBeforePiece)
    #expect(pieces[1] == pieces[0] + WireLimits.ordersBeforePiece + 1)
    #expect(texts.filter { $0.hasPrefix("whole") } == (1...40).map { "whole \($0)" })
  }

  @Test func `large events take turns, and what was cancelled is written no further`() async {
    let queue = RunQueue()
    for id in 1...3 {
      #expect(queue.send(Self.order(UInt64(id), Self.large), inPieces: true) == .taken)
    }
    #expect(queue.send(Self.cancel(2), inPieces: true) == .taken)
    let texts = await written(queue)
    #expect(
      texts == [
        "begin 1", "begin 2", "begin 3", "cancel 2", "piece 1", "piece 3", "piece 1", "piece 3",
        "piece 1", "piece 3", "piece 1", "piece 3",
      ])
  }

  @Test func `an agent that takes no pieces gets the whole`() async {
    let queue = RunQueue()
    #expect(queue.send(Self.order(1, Self.large), inPieces: false) == .taken)
    #expect(await written(queue) == ["whole 1"])
  }

  @Test func `no more waits than so much, and nothing is taken after the end`() async {
    let queue = RunQueue(limit: 2)
    #expect(queue.send(Self.order(1, 1), inPieces: true) == .taken)
    #expect(queue.send(Self.order(2, 1), inPieces: true) == .taken)
    #expect(queue.send(Self.order(3, 1), inPieces: true) == .over)
    #expect(await written(queue) == ["whole 1", "whole 2"])
    #expect(queue.send(Self.order(4, 1), inPieces: true) == .over)
  }

  @Test func `no more data waits than so much, and what is written or cancelled makes room`()
    async
  {
    let queue = RunQueue(mostData: ByteCount(bytes: 2 * Self.large))
    #expect(queue.send(Self.order(1, Self.large), inPieces: true) == .taken)
    #expect(queue.send(Self.order(2, Self.large), inPieces: false) == .taken)
    #expect(queue.send(Self.order(3, 1), inPieces: true) == .tooMuchData)
    #expect(queue.send(Self.cancel(9), inPieces: true) == .taken)
    #expect(await queue.next()?.id == 1)
    #expect(queue.send(Self.order(3, 1), inPieces: true) == .tooMuchData, "it was the beginning")
    #expect(await queue.next()?.id == 2)
    #expect(queue.send(Self.order(4, Self.large), inPieces: true) == .taken)
    #expect(queue.send(Self.cancel(4), inPieces: true) == .taken)
    #expect(queue.send(Self.order(5, Self.large + 1), inPieces: true) == .tooMuchData)
    #expect(queue.send(Self.order(6, Self.large), inPieces: true) == .taken)
    let texts = await written(queue)
    #expect(texts.filter { $0 == "piece 1" }.count == 4)
    #expect(texts.filter { $0 == "piece 6" }.count == 4)
    #expect(!texts.contains("piece 4"))
  }

  @Test func `what is written as a whole makes room for as much again`() async {
    let queue = RunQueue(mostData: ByteCount(bytes: Self.large))
    for id in 1...20 {
      #expect(queue.send(Self.order(UInt64(id), Self.large), inPieces: id % 2 == 0) == .taken)
      #expect(queue.send(Self.order(99, 1), inPieces: true) == .tooMuchData)
      // Its beginning and its pieces, or the whole.
      for _ in 0..<(id % 2 == 0 ? 5 : 1) { #expect(await queue.next()?.id == UInt64(id)) }
    }
    #expect(await written(queue) == [])
  }

  @Test func `whoever waits for the next is woken, and by the end of its task`() async {
    let queue = RunQueue()
    let waiting = Task { await queue.next()?.id }
    #expect(queue.send(Self.order(7, 1), inPieces: true) == .taken)
    #expect(await waiting.value == 7)
    let given = Task { await queue.next()?.id }
    given.cancel()
    #expect(await given.value == nil)
  }

  @Test func `what arrives in pieces is what was sent`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 29: events in pieces are whole again",
      Generator<Int>.int(in: 0...(4 * WireLimits.piece.bytes)).array(count: 1...12)
    ) { sizes in
      let queue = RunQueue()
      for (id, size) in sizes.enumerated() {
        guard queue.send(Self.order(UInt64(id), size), inPieces: true) == .taken else {
          return false
        }
      }
      queue.finish()
      var incomplete: [UInt64: IncompleteInvocation] = [:]
      var arrived: [UInt64: Int] = [:]
      while let order = await queue.next() {
        switch order.order {
        case .invocation(let invocation) where invocation.followingBytes > 0:
          incomplete[order.id] = try IncompleteInvocation(invocation)
        case .invocation(let invocation): arrived[order.id] = invocation.event.data.count
        case .piece(let piece):
          guard let whole = try incomplete[order.id]?.take(piece) else { continue }
          guard whole.event.data == Self.order(order.id, sizes[Int(order.id)]).invocation.event.data
          else { return false }
          arrived[order.id] = whole.event.data.count
        case .cancel, nil: return false
        }
      }
      return sizes.indices.allSatisfy { arrived[UInt64($0)] == sizes[$0] }
    }
  }

  @Test func `pieces that do not fit are a fault of the other end`() throws {
    var invocation = WireInvocation()
    invocation.followingBytes = 3
    var incomplete = try IncompleteInvocation(invocation)
    #expect(try incomplete.take([1, 2]) == nil)
    #expect(throws: WireFault.self) { try incomplete.take([3, 4]) }
    var empty = try IncompleteInvocation(invocation)
    #expect(throws: WireFault.self) { try empty.take([]) }
    invocation.followingBytes = .max
    #expect(throws: WireFault.self) { try IncompleteInvocation(invocation) }
  }

  @Test func `a large event runs at the agent as it was, and can be cancelled on its way`()
    async throws
  {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, link) = try await WireTests.attach(wire, agent)
    let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 >> 8) }
    async let large = WireTests.run(wire, "echo", bytes)
    async let small = WireTests.run(wire, "echo", [1])
    let output = try await large.result.get()
    #expect(Array(output.prefix(bytes.count)) == bytes)
    #expect(try await small.result.get().first == 1)
    for _ in 0..<20 {
      let task = Task { try await WireTests.run(wire, "wait", bytes) }
      await Task.yield()
      task.cancel()
      _ = try await task.value
    }
    try await until { agent.heard.withLock { $0.running } == 0 }
    #expect(try await WireTests.run(wire, "echo", [2]).result.get().first == 2)
    await remote.close(link, from: WireTests.node, Incarnation(1))
    await wire.stop()
  }
}
