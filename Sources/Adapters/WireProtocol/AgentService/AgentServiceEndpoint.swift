import ClusterModel
import GRPCCore
import HostPorts
import SwiftProtobuf
import WireMessages

/// `wasmatrix.agent.v1.NodeAgent`: reads what callers ask, and writes what they are answered.
struct AgentServiceEndpoint: AgentNodeAgent.ServiceProtocol {
  let service: any AgentService

  func startModule(
    request: ServerRequest<AgentStartModuleRequest>, context: ServerContext
  ) async throws -> ServerResponse<AgentStartModuleResponse> {
    try await answer(request, context) { message, caller throws(Problem) in
      let version = message.hasVersion ? try Self.name(message.version) as ModuleVersion : nil
      let held = try await service.startModule(
        try Self.module(message.namespace, message.module), version: version, by: caller)
      return .with {
        $0.placement = AgentPlacement(held, on: service.node)
        $0.tookMicroseconds = microseconds(held.took)
        $0.isPlanned = held.isPlanned
      }
    }
  }

  func stopModule(
    request: ServerRequest<AgentStopModuleRequest>, context: ServerContext
  ) async throws -> ServerResponse<AgentStopModuleResponse> {
    try await answer(request, context) { message, caller throws(Problem) in
      let held = try await service.stopModule(
        try Self.module(message.namespace, message.module), by: caller)
      return .with { $0.placement = AgentPlacement(held, on: service.node) }
    }
  }

  func getMetrics(
    request: ServerRequest<AgentGetMetricsRequest>, context: ServerContext
  ) async throws -> ServerResponse<AgentGetMetricsResponse> {
    try await answer(request, context) { _, caller throws(Problem) in
      AgentGetMetricsResponse(try await service.metrics(for: caller))
    }
  }

  private func answer<Asked, Answer: Sendable>(
    _ request: ServerRequest<Asked>, _ context: ServerContext,
    _ body: (Asked, AgentCaller) async throws(Problem) -> Answer
  ) async throws -> ServerResponse<Answer> {
    do throws(Problem) {
      let caller = AgentCaller(
        token: try Self.token(in: request.metadata), address: Self.address(context.remotePeer))
      return ServerResponse(message: try await body(request.message, caller))
    } catch {
      throw RPCError(error)
    }
  }

  /// Of `authorization: Bearer TOKEN`.
  private static func token(in metadata: Metadata) throws(Problem) -> String {
    let scheme = "bearer "
    let header = metadata[stringValues: "authorization"].first { _ in true }
    guard let header, header.lowercased().hasPrefix(scheme),
      header.utf8.count <= AgentServiceLimits.token
    else {
      throw Problem(
        .refused, code: "token_missing", "this takes a user's token",
        next: "Send the metadata \"authorization: Bearer TOKEN\"; an admin makes one with "
          + "`wasmatrix token create`.")
    }
    return String(header.dropFirst(scheme.count).drop { $0 == " " })
  }

  /// `ipv4:10.0.0.1:4711` is 10.0.0.1.
  static func address(_ peer: String) -> String {
    let text = peer.drop { $0 != ":" }.dropFirst()
    return text.lastIndex(of: ":").map { String(text[..<$0]) } ?? String(text)
  }

  private static func module(_ namespace: String, _ name: String) throws(Problem) -> QualifiedName {
    QualifiedName(
      namespace.isEmpty ? .default : try Self.name(namespace), try Self.name(name))
  }

  private static func name<Name: ValidatedText>(_ text: String) throws(Problem) -> Name {
    do {
      return try Name(text)
    } catch {
      throw Problem(.invalidInput, code: "name_invalid", "\(error)", next: "Correct the request.")
    }
  }
}

private func microseconds(_ duration: Duration) -> UInt64 {
  UInt64(clamping: duration.nanoseconds / 1000)
}

extension AgentPlacement {
  fileprivate init(_ held: HeldByHand, on node: NodeID) {
    self.init(held.placement, held.version, held.digest, on: node)
  }

  fileprivate init(
    _ id: PlacementID, _ version: ModuleVersion, _ digest: ModuleDigest, on node: NodeID
  ) {
    self.init()
    self.node = node.text
    namespace = id.name.namespace.text
    module = id.name.name.text
    self.version = version.text
    self.digest = digest.text
    generation = Int64(id.generation)
  }
}

extension AgentGetMetricsResponse {
  fileprivate init(_ metrics: NodeMetrics) {
    self.init()
    node = metrics.node.text
    incarnation = metrics.incarnation.number
    uptimeMicroseconds = microseconds(metrics.uptime)
    isAttached = metrics.isAttached
    engine = .with {
      $0.workers = UInt32(clamping: metrics.engine.workers.count)
      $0.workersAwake = UInt32(clamping: metrics.engine.workers.count { $0.isAwake })
      $0.instanceSlots = UInt64(clamping: metrics.engine.instanceSlots)
      $0.instancesLive = UInt64(clamping: metrics.engine.liveInstances)
      $0.activationsQueued = UInt64(clamping: metrics.engine.queuedActivations)
    }
    memory = .with {
      $0.reservableBytes = UInt64(clamping: metrics.reservable.bytes)
      $0.reservedByPlanBytes = UInt64(clamping: metrics.reservedByPlan.bytes)
      $0.reservedByHandBytes = UInt64(clamping: metrics.reservedByHand.bytes)
    }
    placements = metrics.placements.map { AgentPlacementMetrics($0, on: metrics.node) }
  }
}

extension AgentPlacementMetrics {
  fileprivate init(_ metrics: PlacementMetrics, on node: NodeID) {
    self.init()
    placement = AgentPlacement(metrics.placement, metrics.version, metrics.digest, on: node)
    role = metrics.role.rawValue
    readyForMicroseconds = microseconds(metrics.readyFor)
    activationsTotal = UInt64(clamping: metrics.activations)
    failuresTotal = UInt64(clamping: metrics.failures)
    activationsRunning = UInt64(clamping: metrics.running)
    let bounds = LatencyCounts.bounds
    latencies = metrics.latencies.counts.enumerated().map { index, count in
      .with {
        if index < bounds.count { $0.atMostMicroseconds = microseconds(bounds[index]) }
        $0.activationsTotal = UInt64(clamping: count)
      }
    }
  }
}
