import ClusterModel

@testable import Supervision

/// What a child will do: the luck of one run, asked for in the same order by the model and by the
/// world that the real supervisor lives in.
struct Luck {
  var numbers: [Int]
  private(set) var position = 0

  init(_ numbers: [Int]) { self.numbers = numbers }

  /// A number from 0 to 99. When they have run out, everything goes well.
  mutating func next() -> Int {
    defer { position += 1 }
    return position < numbers.count ? numbers[position] : 0
  }

  mutating func startFails() -> Bool { next() >= 85 }

  mutating func ignoresStop() -> Bool { next() >= 85 }

  /// Which of the children fails by itself right after something else happened.
  mutating func victim(of count: Int) -> Int? {
    let number = next()
    return number >= 80 && count > 0 ? number % count : nil
  }
}

/// A supervisor as OTP has it, written down naively: one thing after the other, a mailbox, lists, no
/// machine. Starting and stopping return when they are done.
///
/// In one thing the real supervisor differs on purpose: with one-for-one it looks at a second failure
/// while the first child still starts, where OTP is deaf until that is done. So with one-for-one no
/// second failure comes while one is dealt with; `SupervisorTests` says what happens then.
struct OTPModel {
  enum State: Equatable { case up, down, restarting, removed }

  struct Member {
    let rules: ChildRules
    var state = State.down
    var incarnation = 0
  }

  let strategy: SupervisionStrategy
  let intensity: RestartIntensity
  var members: [Member]
  var luck: Luck
  var now = Duration.zero
  var mailbox: [Mail] = []
  var restarts: [Duration] = []
  var trace: [String] = []
  var hasBegun = false
  var isOver = false

  enum Mail: Equatable {
    case exit(Int, ChildExit)
    case tryAgain(Int)
  }

  init(
    _ children: [ChildRules], _ strategy: SupervisionStrategy, _ intensity: RestartIntensity,
    _ luck: Luck
  ) {
    self.strategy = strategy
    self.intensity = intensity
    self.luck = luck
    members = children.map { Member(rules: $0) }
  }

  mutating func start() {
    for index in members.indices where !startChild(index) {
      terminate(Array(members.indices))
      isOver = true
      return
    }
    hasBegun = true
    receiveAll()
  }

  /// A child that is up ends by itself.
  mutating func exit(_ index: Int, _ exit: ChildExit) {
    guard !isOver, members[index].state == .up else { return }
    members[index].state = .down
    mailbox.append(.exit(index, exit))
    receiveAll()
  }

  mutating func stop() {
    guard !isOver else { return }
    terminate(Array(members.indices))
    isOver = true
  }

  private mutating func receiveAll() {
    while !isOver, !mailbox.isEmpty {
      switch mailbox.removeFirst() {
      case .tryAgain(let index): if members[index].state == .restarting { restart(index) }
      case .exit(let index, let exit):
        switch members[index].rules.restart {
        case .permanent: restart(index)
        case .transient: if exit.isAbnormal { restart(index) }
        case .temporary: members[index].state = .removed
        }
      }
    }
  }

  private mutating func restart(_ index: Int) {
    restarts = restarts.filter { now - $0 <= intensity.window } + [now]
    guard restarts.count <= intensity.restarts else {
      members[index].state = .down
      terminate(Array(members.indices))
      isOver = true
      return
    }
    members[index].state = .down
    let group: [Int]
    switch strategy {
    case .oneForOne: group = [index]
    case .oneForAll: group = Array(members.indices)
    case .restForOne: group = Array(index..<members.count)
    }
    terminate(group)
    for member in group where members[member].state != .removed {
      guard startChild(member) else {
        members[member].state = .restarting
        mailbox.append(.tryAgain(member))
        return
      }
    }
  }

  private mutating func startChild(_ index: Int) -> Bool {
    members[index].incarnation += 1
    trace.append("start \(members[index].rules.id)#\(members[index].incarnation)")
    let fails = luck.startFails()
    let others = members.indices.filter { members[$0].state == .up }
    if !fails { members[index].state = .up }
    if hasBegun, strategy == .oneForOne, fails {
      _ = luck.next()
    } else if !hasBegun, strategy == .oneForOne, !mailbox.isEmpty {
      _ = luck.next()
    } else {
      somethingElse(among: others)
    }
    return !fails
  }

  /// Stops children in reverse order; temporary ones are gone for good.
  private mutating func terminate(_ group: [Int]) {
    for index in group.reversed() {
      // The exit of a child that has ended already is taken out of the mailbox.
      mailbox.removeAll { $0 == .tryAgain(index) || $0.isExit(of: index) }
      if members[index].state == .up { stopChild(index) }
      if members[index].state != .removed {
        members[index].state = members[index].rules.restart == .temporary ? .removed : .down
      }
    }
  }

  private mutating func stopChild(_ index: Int) {
    let name = "\(members[index].rules.id)#\(members[index].incarnation)"
    switch members[index].rules.shutdown {
    case .brutalKill: trace.append("kill \(name)")
    case .infinity: trace.append("stop \(name)")
    case .within(let timeout):
      trace.append("stop \(name)")
      if luck.ignoresStop() {
        now += timeout
        trace.append("kill \(name)")
      }
    }
    members[index].state = .down
    somethingElse(among: members.indices.filter { members[$0].state == .up })
  }

  /// While one thing is done, another child may fail.
  private mutating func somethingElse(among up: [Int]) {
    guard let victim = luck.victim(of: up.count) else { return }
    members[up[victim]].state = .down
    mailbox.append(.exit(up[victim], .failure("by itself")))
  }
}

extension OTPModel.Mail {
  fileprivate func isExit(of index: Int) -> Bool {
    switch self {
    case .exit(let other, _): other == index
    case .tryAgain: false
    }
  }
}
