import ClusterModel
import Crypto
import Foundation
import HostPorts
import PropertyTesting
import SwiftProtobuf
import Testing
import WireMessages

@testable import WireProtocol

enum TestModule {
  static func digest(of bytes: [UInt8]) -> ModuleDigest {
    ModuleDigest(sha256: Array(SHA256.hash(data: bytes)))
  }
}

@Suite struct ConversionTests {
  static let names = Generator<String>.string(of: "abz09-", count: 1...12)
    .map { "n" + $0 + "n" }
  static let versions = zip(
    Generator<UInt64>.int(in: 0...UInt64.max), Generator<UInt64>.int(in: 0...UInt64.max)
  ).map { PlanVersion(term: $0, counter: $1) }
  static let placements = zip(names, Generator<Int>.int(in: 0...1_000_000)).map {
    PlacementID(QualifiedName(.default, ModuleName(unchecked: $0)), generation: $1)
  }
  static let problems = zip(
    Generator.element(of: Problem.Category.allCases), names, Generator<Int64>.int(in: 0...1_000_000)
  ).map { category, text, wait in
    Problem(
      category, code: text, "it \(text)", cause: wait % 2 == 0 ? nil : text,
      next: wait % 3 == 0 ? nil : "Do \(text).",
      retryAfter: wait % 5 == 0 ? nil : .nanoseconds(wait))
  }
  static let conditions = Generator.oneOf([
    .constant(PlacementCondition.preparing), .constant(.ready), problems.map { .failed($0) },
  ])
  static let held = zip(
    placements, zip(Generator<[UInt8]>.bytes(count: 32...32), versions),
    zip(Generator.element(of: PlacementRole.allCases), conditions)
  ).map { id, digest, rest in
    HeldPlacement(
      id, digest: ModuleDigest(sha256: digest.0),
      deployedAt: WallInstant(microseconds: Int64(id.generation)), role: rest.0,
      fence: digest.1, condition: rest.1)
  }
  static let reports = zip(
    names, zip(versions, Generator<UInt64>.int(in: 0...UInt64.max)), held.array(count: 0...5)
  ).map { node, numbers, held in
    NodeReport(
      node: NodeID(unchecked: node), incarnation: Incarnation(numbers.1), sequence: numbers.1,
      plan: numbers.0, placements: held)
  }

  // Feature: wasmatrix, Property 16: For any module registration, deployment, or state change, the
  // Control_Plane should update the registry immediately (here: what nodes report arrives as it was said)
  @Test func `a report says the same at the other end`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 16: reports arrive as they were said", cases: 200, Self.reports
    ) { report in
      let message = AgentMessage.reported(report)
      let bytes: [UInt8] = try WireAgentFrame(message).serializedBytes()
      return try WireAgentFrame(serializedBytes: bytes).message() == message
    }
  }

  private static func registration(
    _ punctuality: HeartbeatPunctuality
  ) throws -> NodeRegistration {
    NodeRegistration(
      node: NodeID(unchecked: "n"), incarnation: Incarnation(3),
      location: NodeLocation(zone: .default),
      capabilities: try NodeCapabilities(
        architectures: [.x86_64], memory: .gibibytes(1), cpuCores: 2), punctuality: punctuality)
  }

  @Test(arguments: HeartbeatPunctuality.allCases)
  func `a node says how the threads of its heartbeats are scheduled`(
    punctuality: HeartbeatPunctuality
  ) throws {
    let registration = try Self.registration(punctuality)
    let bytes: [UInt8] = try WireNodeRegistration(registration).serializedBytes()
    #expect(try WireNodeRegistration(serializedBytes: bytes).registration() == registration)
  }

  @Test func `a node that does not say so is ordinary, as those of earlier releases are`() throws {
    let said: [UInt8] = try WireNodeRegistration(Self.registration(.realTime)).serializedBytes()
    // Field 6 is the last, a number: true.
    #expect(said.suffix(2) == [0x30, 0x01])
    let registration = try WireNodeRegistration(serializedBytes: Array(said.dropLast(2)))
      .registration()
    #expect(try registration == Self.registration(.ordinary))
  }

  @Test func `whatever bytes come, nothing crashes`() async throws {
    try await checkProperty(
      "hostile bytes are refused or read", cases: 2000, Generator<[UInt8]>.bytes(count: 0...200)
    ) { bytes in
      _ = try? WireAgentFrame(serializedBytes: bytes).message()
      var orders = OrderMemory()
      _ = try? WirePlaneFrame(serializedBytes: bytes).message(&orders)
      _ = try? WireActivationReport(serializedBytes: bytes).report()
      _ = try? WireStateEntries(serializedBytes: bytes).all()
      return true
    }
  }

  @Test func `a report with a flipped byte is another report or none`() async throws {
    let flips = zip(
      Self.reports, Generator<Int>.int(in: 0...10_000), Generator<Int>.int(in: 1...255))
    try await checkProperty("flipped bytes do no harm", cases: 500, flips) { flip in
      let (report, index, mask) = flip
      var bytes: [UInt8] = try WireAgentFrame(.reported(report)).serializedBytes()
      bytes[index % bytes.count] ^= UInt8(mask)
      _ = try? WireAgentFrame(serializedBytes: bytes).message()
      return true
    }
  }

  @Test func `effects arrive as they were`() throws {
    let effects = ActivationEffects(
      published: [
        GuestPublish(topic: Topic(unchecked: "a/b"), type: "t", data: [1]),
        GuestPublish(
          topic: Topic(unchecked: "c"), subject: "s", dataContentType: "text/plain", data: []),
      ],
      writes: [
        StateWrite(
          bucket: BucketName(unchecked: "b"), key: StateKey(unchecked: "k"), action: .set([]),
          condition: .absent),
        StateWrite(
          bucket: BucketName(unchecked: "b"), key: StateKey(unchecked: "k"), action: .delete,
          condition: .unchanged(since: StateRevision(4))),
        StateWrite(
          bucket: BucketName(unchecked: "b"), key: StateKey(unchecked: "k"),
          action: .merge(.maximum, [0x31])),
      ])
    let bytes: [UInt8] = try WireEffects(effects).serializedBytes()
    #expect(try WireEffects(serializedBytes: bytes).effects() == effects)
  }

  @Test(arguments: [ApplicationName(unchecked: "plant"), nil] as [ApplicationName?])
  func `what became of a service, or of a part of an agent, arrives as it was`(
    application: ApplicationName?
  ) throws {
    for happening in [
      ServiceNews.Happening.restarting(after: "x", restarts: 2, delay: .milliseconds(3)),
      .escalated(after: "y", restarts: 4, within: .seconds(5)),
    ] {
      let news = ServiceNews(
        child: application == nil ? "main/node/engine" : "press", namespace: .default,
        application: application, node: NodeID(unchecked: "n"), at: WallInstant(microseconds: 7),
        happening: happening)
      let bytes: [UInt8] = try WireServiceNews(news).serializedBytes()
      let wire = try WireServiceNews(serializedBytes: bytes)
      #expect(try wire.news() == news)
      #expect(!wire.application.isEmpty, "earlier control planes want one")
    }
  }

  @Test func `fields of a newer neighbour are skipped`() throws {
    let message = AgentMessage.left(NodeID(unchecked: "n"), Incarnation(3))
    var bytes: [UInt8] = try WireAgentFrame(message).serializedBytes()
    // Field 999, a text.
    bytes += [0xba, 0x3e, 0x02, 0x68, 0x69]
    #expect(try WireAgentFrame(serializedBytes: bytes).message() == message)
    // A frame that is not known here at all says nothing.
    #expect(try WireAgentFrame(serializedBytes: [0xba, 0x3e, 0x02, 0x68, 0x69]).message() == nil)
  }
}
