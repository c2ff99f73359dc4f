import ClusterModel
import Foundation
import HostPorts
import SwiftProtobuf
import WireMessages

// Who a node is, what it holds, and how it is.

extension WireNodeRegistration {
  init(_ registration: NodeRegistration) {
    self.init()
    node = registration.node.text
    incarnation = registration.incarnation.number
    zone = registration.location.zone.text
    if let place = registration.location.coordinates {
      coordinates = .with {
        $0.latitude = place.latitude
        $0.longitude = place.longitude
      }
    }
    capabilities = WireNodeCapabilities(registration.capabilities)
    beatsInRealTime = registration.punctuality == .realTime
  }

  func registration() throws(WireFault) -> NodeRegistration {
    NodeRegistration(
      node: try NodeID(wire: node), incarnation: Incarnation(incarnation),
      location: NodeLocation(
        zone: try Zone(wire: zone), coordinates: hasCoordinates ? try coordinates.place() : nil),
      capabilities: try capabilities.capabilities(),
      punctuality: beatsInRealTime ? .realTime : .ordinary)
  }
}

extension WireCoordinates {
  fileprivate func place() throws(WireFault) -> Coordinates {
    do {
      return try Coordinates(latitude: latitude, longitude: longitude)
    } catch {
      throw WireFault("\(error)")
    }
  }
}

extension WireNodeCapabilities {
  fileprivate init(_ capabilities: NodeCapabilities) {
    self.init()
    architectures = capabilities.architectures.map(\.rawValue)
    cpuFeatures = capabilities.cpuFeatures
    memoryBytes = UInt64(clamping: capabilities.memory.bytes)
    cpuCores = UInt32(clamping: capabilities.cpuCores)
    specializedHardware = capabilities.specializedHardware
    labels = capabilities.labels.map { WireLabel($0.name, $0.value) }
    if let domain = capabilities.faultDomain { faultDomain = domain.text }
  }

  fileprivate func capabilities() throws(WireFault) -> NodeCapabilities {
    let domain = hasFaultDomain ? try FaultDomain(wire: faultDomain) : nil
    do {
      return try NodeCapabilities(
        // A newer agent may name some that are not known here: they are of no use.
        architectures: architectures.compactMap { Architecture(rawValue: $0) },
        cpuFeatures: cpuFeatures,
        memory: ByteCount(bytes: Int(clamping: memoryBytes)), cpuCores: Int(cpuCores),
        specializedHardware: specializedHardware,
        labels: labels.map { try ClusterModel.Label($0.name, $0.value) }, faultDomain: domain)
    } catch {
      throw WireFault("\(error)")
    }
  }
}

extension WireLabel {
  init(_ name: String, _ value: String) {
    self.init()
    self.name = name
    self.value = value
  }
}

extension WireNodeReport {
  init(_ report: NodeReport) {
    self.init()
    node = report.node.text
    incarnation = report.incarnation.number
    sequence = report.sequence
    plan = WirePlanVersion(report.plan)
    placements = report.placements.map(WireHeldPlacement.init)
  }

  func report() throws(WireFault) -> NodeReport {
    var held: [HeldPlacement] = []
    held.reserveCapacity(placements.count)
    for placement in placements { held.append(try placement.held()) }
    return NodeReport(
      node: try NodeID(wire: node), incarnation: Incarnation(incarnation), sequence: sequence,
      plan: plan.version, placements: held)
  }
}

extension WireHeldPlacement {
  fileprivate init(_ held: HeldPlacement) {
    self.init()
    placement = WirePlacementId(held.placement)
    digest = held.digest.text
    deployedAtUs = held.deployedAt.microseconds
    role = WirePlacementRole(held.role)
    fence = WirePlanVersion(held.fence)
    switch held.condition {
    case .preparing: preparing = true
    case .ready: ready = true
    case .failed(let problem): failed = WireProblem(problem)
    }
  }

  fileprivate func held() throws(WireFault) -> HeldPlacement {
    let condition: PlacementCondition
    switch self.condition {
    case .preparing: condition = .preparing
    case .ready: condition = .ready
    case .failed(let problem): condition = .failed(problem.problem)
    case nil: throw WireFault("a placement is in no condition that is known here")
    }
    return HeldPlacement(
      try placement.placement(), digest: try ModuleDigest(wire: digest),
      deployedAt: WallInstant(microseconds: deployedAtUs), role: try role.role(),
      fence: fence.version, condition: condition)
  }
}

extension WireHeartbeat {
  init(_ heartbeat: Heartbeat) {
    self.init()
    node = heartbeat.node.text
    incarnation = heartbeat.incarnation.number
    sequence = heartbeat.sequence
    progress = heartbeat.progress
    isBusy = heartbeat.isBusy
    heardAgoUs = UInt64(clamping: heartbeat.heardAgo.nanoseconds / 1000)
    cpuPercent = heartbeat.load.cpuPercent
    memoryPercent = heartbeat.load.memoryPercent
    activeModules = UInt32(clamping: heartbeat.load.activeModules)
  }

  func heartbeat() throws(WireFault) -> Heartbeat {
    let load: NodeLoad
    do {
      load = try NodeLoad(
        cpuPercent: cpuPercent, memoryPercent: memoryPercent, activeModules: Int(activeModules))
    } catch {
      throw WireFault("\(error)")
    }
    return Heartbeat(
      node: try NodeID(wire: node), incarnation: Incarnation(incarnation), sequence: sequence,
      progress: progress, isBusy: isBusy, heardAgo: .microseconds(Int64(clamping: heardAgoUs)),
      load: load)
  }
}

extension WireNodeFacts {
  init(_ facts: NodeFacts) throws(WireFault) {
    self.init()
    engineJson = try WireJSON.encode(facts.engine)
    startedAtUs = facts.startedAt.microseconds
  }

  func facts() throws(WireFault) -> NodeFacts {
    NodeFacts(
      engine: try WireJSON.decode(EngineFacts.self, from: engineJson),
      startedAt: WallInstant(microseconds: startedAtUs))
  }
}

extension WirePlacementStatus {
  init(_ status: PlacementStatus) throws(WireFault) {
    self.init()
    node = status.node.text
    module = status.module.text
    version = status.version.text
    role = WirePlacementRole(status.role)
    digest = status.digest.text
    generation = Int64(status.generation)
    code = status.code.rawValue
    readySinceUs = status.readySince.microseconds
    activations = UInt64(clamping: status.activations)
    failures = UInt64(clamping: status.failures)
    running = UInt64(clamping: status.running)
    if let service = status.service { serviceJson = try WireJSON.encode(service) }
  }

  func status() throws(WireFault) -> PlacementStatus {
    PlacementStatus(
      node: try NodeID(wire: node), module: try ModuleName(wire: module),
      version: try ModuleVersion(wire: version), role: try role.standing(),
      digest: try ModuleDigest(wire: digest), generation: Int(generation),
      code: try named(code, CodeMode.self),
      readySince: WallInstant(microseconds: readySinceUs),
      activations: Int(clamping: activations), failures: Int(clamping: failures),
      running: Int(clamping: running),
      service: hasServiceJson ? try WireJSON.decode(ServiceStatus.self, from: serviceJson) : nil)
  }
}

extension WireServiceNews {
  /// Stands for the application of a part of an agent's process, as control planes of earlier releases
  /// want one. No service has a path for a name: that tells them apart.
  private static let ownProcess = "agent"

  init(_ news: ServiceNews) {
    self.init()
    child = news.child
    namespace = news.namespace.text
    application = news.application?.text ?? Self.ownProcess
    node = news.node.text
    atUs = news.at.microseconds
    switch news.happening {
    case .started(let start): started = UInt64(clamping: start)
    case .ended(let reason): ended = reason
    case .restarting(let after, let restarts, let delay):
      restarting = WireServiceRestart(after, restarts, delay)
    case .escalated(let after, let restarts, let window):
      escalated = WireServiceRestart(after, restarts, window)
    }
  }

  func news() throws(WireFault) -> ServiceNews {
    let happening: ServiceNews.Happening
    switch self.happening {
    case .started(let start): happening = .started(Int(clamping: start))
    case .ended(let reason): happening = .ended(reason: reason)
    case .restarting(let restart):
      happening = .restarting(
        after: restart.after, restarts: Int(clamping: restart.restarts),
        delay: Duration(wireNanoseconds: restart.durationNs))
    case .escalated(let restart):
      happening = .escalated(
        after: restart.after, restarts: Int(clamping: restart.restarts),
        within: Duration(wireNanoseconds: restart.durationNs))
    case nil: throw WireFault("nothing that is known here has happened to a service")
    }
    return ServiceNews(
      child: child, namespace: try Namespace(wire: namespace),
      application: try child.contains("/") ? nil : ApplicationName(wire: application),
      node: try NodeID(wire: node), at: WallInstant(microseconds: atUs), happening: happening)
  }
}

extension WireServiceRestart {
  fileprivate init(_ after: String, _ restarts: Int, _ duration: Duration) {
    self.init()
    self.after = after
    self.restarts = UInt64(clamping: restarts)
    durationNs = UInt64(wire: duration)
  }
}

extension WireHeartbeatInvitation {
  init(_ invitation: HeartbeatInvitation) {
    self.init()
    session = Data(invitation.session)
    key = Data(invitation.key)
    port = UInt32(clamping: invitation.port)
    intervalNs = UInt64(wire: invitation.interval)
  }

  var invitation: HeartbeatInvitation {
    HeartbeatInvitation(
      session: Array(session), key: Array(key), port: Int(port),
      interval: Duration(wireNanoseconds: intervalNs))
  }
}
