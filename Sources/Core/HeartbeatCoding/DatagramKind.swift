import ClusterModel

/// What a datagram is, as it says in its header.
enum Kind: UInt8, Sendable, CaseIterable {
  case heartbeat = 1
  case acknowledgement = 2
  case echoRequest = 3
  case echoReply = 4
  case deathNotice = 5

  init(_ datagram: HeartbeatDatagram) {
    switch datagram {
    case .heartbeat: self = .heartbeat
    case .acknowledgement: self = .acknowledgement
    case .echoRequest: self = .echoRequest
    case .echoReply: self = .echoReply
    case .deathNotice: self = .deathNotice
    }
  }

  /// Whether this end says such a thing at all.
  func isSent(by side: HeartbeatSide) -> Bool {
    switch self {
    case .heartbeat, .deathNotice: side == .agent
    case .acknowledgement: side == .controlPlane
    case .echoRequest, .echoReply: true
    }
  }

  /// `nil` when the fields cannot be what this end of this session says.
  func datagram(_ fields: inout ByteFields, _ session: HeartbeatSession) -> HeartbeatDatagram? {
    switch self {
    case .heartbeat: Heartbeat(&fields, session).map { .heartbeat($0) }
    case .acknowledgement:
      HeartbeatAcknowledgement(&fields, session).map { .acknowledgement($0) }
    case .echoRequest: fields.number(UInt64.self).map { .echoRequest(EchoStamp($0)) }
    case .echoReply: fields.number(UInt64.self).map { .echoReply(EchoStamp($0)) }
    case .deathNotice: fields.incarnation(of: session).map { .deathNotice($0) }
    }
  }
}

extension HeartbeatDatagram {
  var body: [UInt8] {
    var body: [UInt8] = []
    switch self {
    case .heartbeat(let heartbeat):
      body.append(number: heartbeat.incarnation.number)
      body.append(number: heartbeat.sequence)
      body.append(number: heartbeat.progress)
      body.append(heartbeat.isBusy ? Heartbeat.busyFlag : 0)
      body.append(number: heartbeat.load.cpuPercent.bitPattern)
      body.append(number: heartbeat.load.memoryPercent.bitPattern)
      body.append(number: UInt64(heartbeat.load.activeModules))
      body.append(number: UInt64(clamping: heartbeat.heardAgo.nanoseconds / 1000))
    case .acknowledgement(let acknowledgement):
      body.append(number: acknowledgement.incarnation.number)
      body.append(number: acknowledgement.sequence)
      body.append(number: acknowledgement.plan.term)
      body.append(number: acknowledgement.plan.counter)
      body.append(number: acknowledgement.term)
    case .echoRequest(let stamp), .echoReply(let stamp): body.append(number: stamp.number)
    case .deathNotice(let incarnation): body.append(number: incarnation.number)
    }
    return body
  }
}

extension ByteFields {
  /// `nil` also when it is not that of the session.
  fileprivate mutating func incarnation(of session: HeartbeatSession) -> Incarnation? {
    number(UInt64.self) == session.incarnation.number ? session.incarnation : nil
  }
}

extension Heartbeat {
  /// The other bits of this byte are kept for later.
  fileprivate static let busyFlag: UInt8 = 1

  fileprivate init?(_ fields: inout ByteFields, _ session: HeartbeatSession) {
    guard let incarnation = fields.incarnation(of: session),
      let sequence = fields.number(UInt64.self), let progress = fields.number(UInt64.self),
      let flags = fields.number(UInt8.self), let cpu = fields.number(UInt64.self),
      let memory = fields.number(UInt64.self), let active = fields.number(UInt64.self),
      let activeModules = Int(exactly: active),
      let load = try? NodeLoad(
        cpuPercent: Double(bitPattern: cpu), memoryPercent: Double(bitPattern: memory),
        activeModules: activeModules)
    else { return nil }
    // Of an agent that does not say it, it is not held against it.
    let heardAgo = fields.number(UInt64.self) ?? 0
    self.init(
      node: session.node, incarnation: incarnation, sequence: sequence, progress: progress,
      isBusy: flags & Self.busyFlag != 0, heardAgo: .microseconds(Int64(clamping: heardAgo)),
      load: load)
  }
}

extension HeartbeatAcknowledgement {
  fileprivate init?(_ fields: inout ByteFields, _ session: HeartbeatSession) {
    guard let incarnation = fields.incarnation(of: session),
      let sequence = fields.number(UInt64.self), let planTerm = fields.number(UInt64.self),
      let counter = fields.number(UInt64.self), let term = fields.number(UInt64.self)
    else { return nil }
    self.init(
      incarnation: incarnation, sequence: sequence,
      plan: PlanVersion(term: planTerm, counter: counter), term: term)
  }
}
