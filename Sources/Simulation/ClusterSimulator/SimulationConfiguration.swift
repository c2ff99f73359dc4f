import ClusterModel

/// How bad a simulated world is, and how big. Every rate is drawn from the seed.
public struct SimulationConfiguration: Hashable, Sendable, Codable {
  public var seed: UInt64
  public var nodes: Int
  /// Things go wrong for so long; then they are healed and the cluster must come to rest.
  public var trouble: Duration
  /// The longest it may take to come to rest.
  public var patience: Duration
  public var heartbeatInterval: Duration
  /// More nodes than beat so often beat less often.
  public var heartbeatsPerSecond: Int
  /// The share of nodes that beat less often than others, and are judged later.
  public var ordinaryShare: Double

  /// The share of datagrams that are lost, and that arrive twice.
  public var loss: Double
  public var duplication: Double
  public var delay: Duration
  /// What a few messages take longer, so that others overtake them.
  public var straggling: Duration
  /// What one clock may be faster or slower than true time.
  public var drift: Double

  /// Mean times between faults, in the whole cluster; nothing means never.
  public var partitionEvery: Duration?
  public var agentCrashEvery: Duration?
  public var agentFreezeEvery: Duration?
  public var planeCrashEvery: Duration?
  public var diskTroubleEvery: Duration?
  public var silenceEvery: Duration?
  /// Between two crashes of a supervised service or supervisor, or hands laid on one. With nothing,
  /// services never go wrong by themselves either.
  public var childCrashEvery: Duration?

  /// The longest it takes a service to start, and to release what it held.
  public var serviceStart: Duration
  /// How long services of drills work before they end.
  public var serviceLife: Duration
  /// The share of starts of services that fail.
  public var childStartFailure: Double
  /// Trees of services without any other meaning.
  public var drills: Int

  public var diskDelay: Duration
  public var prepareDelay: Duration
  /// The share of preparations that fail on their node.
  public var prepareFailure: Double
  /// The share of activations in which the guest fails.
  public var guestFailure: Double
  /// Mean times between requests.
  public var operatorEvery: Duration
  public var eventEvery: Duration

  /// What may be owed, run and be appended at the same time, see `EventRouter.Limits`: little, so that it is
  /// used up.
  public var pendingDeliveries: Int
  public var runningActivations: Int
  public var appendingEvents: Int
  /// That may wait for a placement, see `InvocationLimits`.
  public var waitingInvocations: Int
  /// Between two storms of events; nothing means never.
  public var stormEvery: Duration?
  /// The share of publishes that were published before.
  public var repetition: Double
  /// The share of what activations did that state would not take.
  public var effectsRefusal: Double

  /// How long a node that boots alone may go on with what it was told.
  public var standingPlanLife: Duration

  /// The share of starts of agents, but the first, that come with a start number of before.
  public var backwardStart = 0.1

  /// The share of nodes that show no certificate, as the one in the control plane's own process: what was
  /// forgotten comes back at once. The others are let in no more.
  public var inProcessShare: Double
  /// Between two evictions; nothing means never.
  public var evictionEvery: Duration?
  /// The longest it takes until somebody gives a node that was forgotten a new token; nothing means never.
  public var joinDelay: Duration?
  /// Mean times between wishes of tools at nodes, and between requests at entrances of nodes; nothing means
  /// never.
  public var handEvery: Duration?
  public var entranceEvery: Duration?

  /// Draws everything from a seed.
  public init(seed: UInt64, nodes: Int) {
    var random = SimulationRandom(seed: seed, stream: 1)
    self.seed = seed
    self.nodes = nodes
    trouble = random.duration(in: .seconds(6) ... .seconds(14))
    patience = .seconds(120)
    heartbeatInterval = random.duration(in: .milliseconds(100) ... .milliseconds(250))
    loss = random.happens(0.3) ? 0 : random.number(in: 0...0.15)
    duplication = random.happens(0.3) ? 0 : random.number(in: 0...0.1)
    delay = random.duration(in: .microseconds(50) ... .milliseconds(20))
    straggling = random.happens(0.5) ? .zero : random.duration(upTo: .milliseconds(800))
    drift = random.happens(0.5) ? 0 : random.number(in: 0...0.009)
    func every(_ chance: Double, _ range: ClosedRange<Duration>) -> Duration? {
      random.happens(chance) ? random.duration(in: range) : nil
    }
    partitionEvery = every(0.7, .milliseconds(300) ... .seconds(5))
    agentCrashEvery = every(0.7, .milliseconds(200) ... .seconds(4))
    agentFreezeEvery = every(0.4, .milliseconds(500) ... .seconds(5))
    planeCrashEvery = every(0.5, .milliseconds(1500) ... .seconds(8))
    diskTroubleEvery = every(0.4, .milliseconds(800) ... .seconds(6))
    silenceEvery = every(0.2, .seconds(2) ... .seconds(8))
    diskDelay = random.duration(in: .microseconds(100) ... .milliseconds(30))
    prepareDelay = random.duration(in: .milliseconds(1) ... .milliseconds(400))
    prepareFailure = random.happens(0.5) ? 0 : random.number(in: 0...0.2)
    guestFailure = random.happens(0.3) ? 0 : random.number(in: 0...0.3)
    operatorEvery = random.duration(in: .milliseconds(60) ... .milliseconds(600))
    eventEvery = random.duration(in: .milliseconds(10) ... .milliseconds(100))
    childCrashEvery = every(0.7, .milliseconds(150) ... .seconds(4))
    serviceStart = random.duration(in: .microseconds(100) ... .milliseconds(30))
    serviceLife = random.duration(in: .milliseconds(100) ... .seconds(4))
    childStartFailure = random.happens(0.5) ? 0 : random.number(in: 0...0.2)
    drills = 2
    pendingDeliveries = 40 + random.index(below: 300)
    runningActivations = 2 + random.index(below: 30)
    appendingEvents = 8 + random.index(below: 250)
    stormEvery = every(0.7, .seconds(2) ... .seconds(8))
    repetition = random.number(in: 0...0.3)
    effectsRefusal = random.happens(0.5) ? 0 : random.number(in: 0...0.1)
    waitingInvocations = 1 + random.index(below: 40)
    standingPlanLife = random.duration(in: .seconds(2) ... .seconds(20))
    heartbeatsPerSecond = random.happens(0.5) ? 4000 : 20 + random.index(below: 300)
    ordinaryShare = random.happens(0.5) ? 0 : random.number(in: 0...1)
    inProcessShare = random.happens(0.3) ? 1 : random.number(in: 0...1)
    evictionEvery = every(0.6, .milliseconds(500) ... .seconds(4))
    joinDelay = random.duration(in: .milliseconds(200) ... .seconds(4))
    handEvery = every(0.7, .milliseconds(40) ... .milliseconds(400))
    entranceEvery = every(0.7, .milliseconds(20) ... .milliseconds(200))
  }
}
