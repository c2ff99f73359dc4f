import ClusterModel
import Crypto
import EventLoops
import Foundation
import GRPCCore
import HostPorts
import SwiftProtobuf
import Synchronization
import WireMessages

// The streams of a session, and what comes over them.
extension PlaneSession {
  private static var options: CallOptions {
    var options = CallOptions.defaults
    options.waitForReady = false
    options.maxResponseMessageBytes = WireLimits.message.bytes
    options.maxRequestMessageBytes = WireLimits.message.bytes
    return options
  }

  // Attach.

  func attach(
    _ stub: WireControlPlane.Client<Transport>, _ welcome: OneShot<WireWelcome?>
  ) async throws {
    try await stub.attach(options: Self.options) { [frames] writer in
      for await frame in frames.elements { try await writer.write(frame) }
    } onResponse: { response in
      var isWelcome = false
      var orders = OrderMemory()
      for try await frame in response.messages {
        if case .welcome(let wire) = frame.frame {
          isWelcome = true
          welcome.fill(wire)
        } else if isWelcome {
          try self.take(frame, &orders)
        } else {
          throw WireFault("the control plane did not say welcome first")
        }
      }
    }
  }

  private func take(_ frame: WirePlaneFrame, _ orders: inout OrderMemory) throws {
    guard !isCutOff else { return }
    if case .inquiry(let inquiry) = frame.frame { return take(inquiry) }
    if case .echoPeers(let wire) = frame.frame {
      state.withLock { $0.heartbeats }?.exchangeEchoes(with: try wire.all())
      return
    }
    if case .standing = frame.frame { return takeStanding(frame) }
    if let message = try frame.message(&orders) { agent.send(message) }
  }

  /// Beside the stream, one after the other: with a thousand placements it takes a while to read, and a plan that
  /// comes after it must not wait.
  private func takeStanding(_ frame: WirePlaneFrame) {
    state.withLock { state in
      state.standing = Task { [former = state.standing] in
        await former?.value
        do throws(WireFault) {
          var none = OrderMemory()
          guard let message = try frame.message(&none) else { return }
          // Another session may have brought a newer one meanwhile.
          if !self.state.withLock({ $0.isOver }) { self.agent.send(message) }
        } catch {
          self.end(error.problem)
        }
      }
    }
  }

  private func take(_ inquiry: WireInquiry) {
    switch inquiry.inquiry {
    case .cancel:
      state.withLock { $0.following.removeValue(forKey: inquiry.id) }?.cancel()
    case .followLog(let name): follow(name, as: inquiry.id)
    case .disturb(let wire): disturb(wire)
    case .facts, .placements, .killService, .logLines, .supervision, .killChild, .distribution, nil:
      Task {
        var answer = WireInquiryAnswer()
        do throws(WireFault) {
          answer = try await self.answer(inquiry)
        } catch {
          answer.problem = WireProblem(error.problem)
        }
        answer.id = inquiry.id
        if !self.frames.send(.with { [answer] in $0.answer = answer }) { self.overrun() }
      }
    }
  }

  private func answer(_ inquiry: WireInquiry) async throws(WireFault) -> WireInquiryAnswer {
    var answer = WireInquiryAnswer()
    switch inquiry.inquiry {
    case .facts: answer.facts = try WireNodeFacts(await agent.facts())
    case .placements:
      // Said also when there are none: else it would be no answer.
      var placements = WirePlacementStatuses()
      for status in await agent.placementStatuses() ?? [] {
        placements.placements.append(try WirePlacementStatus(status))
      }
      answer.placements = placements
    case .distribution:
      answer.distribution = WireDistribution(await agent.distribution() ?? [])
    case .killService(let name):
      answer.serviceKilled = await agent.killService(try name.qualifiedName())
    case .logLines(let name):
      answer.logLines = try WireLogLines(await agent.logLines(of: try name.qualifiedName()))
    case .supervision: answer.supervisionJson = try await supervision()
    case .killChild(let path):
      do throws(Problem) {
        try await tree?.kill(path: path)
        answer.childKilled = WireEmpty()
      } catch {
        answer.problem = WireProblem(error)
      }
    case .followLog, .cancel, .disturb, nil: throw WireFault("an inquiry that is not known here")
    }
    return answer
  }

  private func supervision() async throws(WireFault) -> Data {
    guard let status = await tree?.status(), let json = try? JSONEncoder().encode(status) else {
      throw WireFault("this agent has no supervision tree")
    }
    return json
  }

  /// The node is broken on purpose.
  private func disturb(_ wire: WireDisturbance) {
    switch wire.disturbance {
    case .kill: disturber(.kill)
    case .freezeNs(let nanoseconds):
      disturber(.freeze(Self.bounded(nanoseconds)))
    case .partitionNs(let nanoseconds): cutOff(for: Self.bounded(nanoseconds))
    case nil: break  // Of a newer control plane.
    }
  }

  private static func bounded(_ nanoseconds: UInt64) -> Duration {
    min(Duration(wireNanoseconds: nanoseconds), NodeDisturbance.durations.upperBound)
  }

  private func follow(_ name: WireQualifiedName, as id: UInt64) {
    let task = Task {
      var answer = WireInquiryAnswer()
      answer.id = id
      do {
        let lines = try await self.agent.followLog(of: try name.qualifiedName())
        // Says that it is followed.
        answer.logLines = WireLogLines()
        guard self.frames.send(.with { [answer] in $0.answer = answer }) else { return }
        for await line in lines {
          answer.logLines = try WireLogLines([line])
          // Whoever does not keep up with a log misses lines of it, and nothing else.
          _ = self.frames.send(.with { [answer] in $0.answer = answer })
        }
        answer.end = WireEmpty()
      } catch let problem as Problem {
        answer.problem = WireProblem(problem)
      } catch {
        answer.problem = WireProblem(WireFault("\(error)").problem)
      }
      self.state.withLock { _ = $0.following.removeValue(forKey: id) }
      _ = self.frames.send(.with { [answer] in $0.answer = answer })
    }
    let isOver = state.withLock { state in
      guard !state.isOver else { return true }
      state.following[id] = task
      return false
    }
    if isOver { task.cancel() }
  }

  // Run.

  func run(
    _ stub: WireControlPlane.Client<Transport>, _ session: Metadata, _ ready: OneShot<Bool>
  ) async throws {
    try await stub.run(metadata: session, options: Self.options) { [answers] writer in
      try await writer.write(.with { $0.credit = WireLimits.credit })
      for await answer in answers.elements { try await writer.write(answer) }
    } onResponse: { response in
      ready.fill(true)
      for try await order in response.messages { try self.take(order) }
    }
  }

  private func take(_ order: WireRunOrder) throws {
    guard !isCutOff else { return }
    switch order.order {
    case .invocation(let invocation):
      guard invocation.followingBytes > 0 else { return try begin(invocation, as: order.id) }
      let incomplete = try IncompleteInvocation(invocation)
      state.withLock { $0.incomplete[order.id] = incomplete }
    case .piece(let piece):
      let complete = try state.withLock { state -> WireInvocation? in
        // It may have been cancelled.
        guard let complete = try state.incomplete[order.id]?.take(piece) else { return nil }
        state.incomplete[order.id] = nil
        return complete
      }
      if let complete { try begin(complete, as: order.id) }
    case .cancel:
      let hasBegun = state.withLock { state in
        guard state.incomplete.removeValue(forKey: order.id) == nil else { return false }
        state.runs[order.id]?.cancel()
        return true
      }
      if !hasBegun { ended(order.id, Self.neverBegun) }
    case nil: break  // Of a newer control plane.
    }
  }

  /// What is given up before all of its event was there; it gives its credit back.
  private static let neverBegun = ActivationReport(
    result: .failure(ActivationFailure(code: .cancelled, message: "it was cancelled")))

  private func begin(_ invocation: WireInvocation, as id: UInt64) throws {
    let placement = try invocation.placement.placement()
    let event = try invocation.event.event()
    // It begins on this thread, and may have ended before it is registered.
    state.withLock { _ = $0.beginning.insert(id) }
    let task = Task.immediate(executorPreference: EventLoops.wire) {
      let report = await self.agent.run(
        placement, under: invocation.fence.version, on: event, attempt: Int(invocation.attempt))
      self.ended(id, report)
    }
    let isOver = state.withLock { state in
      if state.beginning.remove(id) != nil { state.runs[id] = task }
      return state.isOver
    }
    if isOver { task.cancel() }
  }

  private func ended(_ id: UInt64, _ report: ActivationReport) {
    state.withLock { state in
      state.beginning.remove(id)
      state.runs[id] = nil
    }
    let wire: WireActivationReport
    do throws(WireFault) {
      wire = try WireActivationReport(report, id: id)
    } catch {
      return end(error.problem)
    }
    if !answers.send(.with { $0.report = wire }) { overrun() }
  }

  // Ask.

  func ask(
    _ stub: WireControlPlane.Client<Transport>, _ session: Metadata, _ ready: OneShot<Bool>
  ) async throws {
    try await stub.ask(metadata: session, options: Self.options) { [questions] writer in
      for await question in questions.elements { try await writer.write(question) }
    } onResponse: { response in
      ready.fill(true)
      for try await answer in response.messages where !self.isCutOff {
        self.state.withLock { $0.asked.removeValue(forKey: answer.id) }?
          .resume(returning: .success(answer))
      }
    }
  }

  // FetchModule.

  /// Adds what is missing of a module. What was there when it broke off is kept.
  ///
  /// - Throws: ``Problem`` `unavailable` when it broke off, or is damaged and gone; others when it cannot be had.
  func fetch(
    _ digest: ModuleDigest, into bytes: inout [UInt8], _ progress: TransferProgress
  ) async throws(Problem) {
    guard let client = state.withLock({ $0.client }) else { throw RemoteControlPlane.away }
    let begin = bytes.count
    let request = WireFetchModuleRequest.with {
      $0.digest = digest.text
      $0.offset = UInt64(begin)
    }
    let fetched = Mutex(FetchedPieces())
    var failure: Problem?
    do {
      try await client.fetchModule(request, options: Self.options) { response in
        for try await chunk in response.messages {
          try fetched.withLock { fetched in
            guard chunk.offset == UInt64(begin + fetched.bytes.count),
              chunk.size <= UInt64(WireLimits.module.bytes),
              chunk.checksum == Data(SHA256.hash(data: chunk.data))
            else { throw WireFault("a piece of module \(digest.short) does not fit") }
            fetched.bytes.append(contentsOf: chunk.data)
            fetched.size = chunk.size
            progress.note(
              ByteCount(bytes: begin + fetched.bytes.count),
              of: ByteCount(bytes: Int(clamping: chunk.size)))
          }
        }
      }
    } catch let fault as WireFault {
      failure = fault.problem
    } catch let error as RPCError where error.code == .notFound {
      failure = Problem(
        .notFound, code: "module_missing", "the control plane has no module \(digest.short)",
        cause: error.message)
    } catch let error as RPCError where error.code == .outOfRange {
      // The module is shorter than what is here of it, which is of something else.
      bytes = []
      throw ModuleTransfer.damaged(digest)
    } catch {
      failure = ModuleTransfer.interrupted(digest, "\(error)")
    }
    let pieces = fetched.withLock { $0 }
    bytes += pieces.bytes
    if let failure { throw failure }
    // A stream whose connection is gone, or whose reader is cancelled, may end as if everything had been said.
    guard let size = pieces.size, UInt64(bytes.count) >= size else {
      throw ModuleTransfer.interrupted(digest, "there are \(bytes.count) bytes of it")
    }
    guard ModuleDigest(sha256: SHA256.hash(data: bytes).map { $0 }) == digest else {
      bytes = []
      throw ModuleTransfer.damaged(digest)
    }
  }
}

/// What one call has brought of a module.
private struct FetchedPieces: Sendable {
  var bytes: [UInt8] = []
  /// Of the whole module; `nil` until a piece has come.
  var size: UInt64?
}
