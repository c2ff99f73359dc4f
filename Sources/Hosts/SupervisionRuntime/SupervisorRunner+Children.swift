import ClusterModel
import HostPorts
import Logging
import Supervision

// What is done with children.
extension SupervisorRunner {
  /// How long a child may take to end once it was told to without any time-out, before it counts as
  /// stuck: heeding a cancellation takes a moment on a busy machine.
  static let killGrace = Duration.seconds(1)

  func carryOut(_ directive: Supervisor.Directive) {
    switch directive {
    case .startChild(let incarnation): start(incarnation)
    case .stopChild(let incarnation, _): ask(incarnation)
    case .killChild(let incarnation): kill(incarnation)
    case .report(let event): report(event)
    case .started: began()
    case .ended(let exit): over(exit)
    }
  }

  private func start(_ incarnation: ChildIncarnation) {
    guard
      let child = specification.children.first(where: { $0.rules.id == incarnation.child })
    else { preconditionFailure("a child that nobody specified") }
    let service: any SupervisedService
    var nested: SupervisorRunner?
    switch child.content {
    case .service(let make): service = make()
    case .supervisor(let specification):
      let runner = SupervisorRunner(
        path: "\(path)/\(incarnation.child)", specification, environment)
      nested = runner
      service = runner
    }
    let task = Task.detached { [sender] in
      let result: Result<Void, any Error>
      do {
        try await service.run { sender.yield(.ready(incarnation)) }
        result = .success(())
      } catch {
        result = .failure(error)
      }
      sender.yield(.ended(incarnation, result))
    }
    lives[incarnation.child] = Life(incarnation: incarnation, task: task, nested: nested)
  }

  private func ask(_ incarnation: ChildIncarnation) {
    guard let life = life(of: incarnation) else { return }
    lives[incarnation.child]?.isAsked = true
    // From here on its supervisor watches the time.
    lives[incarnation.child]?.stuckAt = nil
    life.task.cancel()
  }

  /// A child must end now. If it was asked before, its time is over.
  private func kill(_ incarnation: ChildIncarnation) {
    guard let life = life(of: incarnation) else { return }
    if life.isAsked {
      stuck(incarnation)
    } else {
      ask(incarnation)
      lives[incarnation.child]?.stuckAt = environment.clock.now().monotonic + Self.killGrace
    }
  }

  /// Ends a child as if it had crashed.
  func crash(_ incarnation: ChildIncarnation) {
    guard let life = life(of: incarnation), !life.isAsked, !life.isKilled else { return }
    lives[incarnation.child]?.isKilled = true
    lives[incarnation.child]?.stuckAt = patience(with: incarnation.child).map {
      environment.clock.now().monotonic + $0
    }
    life.task.cancel()
  }

  private func patience(with child: ChildID) -> Duration? {
    switch specification.children.first(where: { $0.rules.id == child })?.rules.shutdown {
    case .within(let timeout): timeout
    case .brutalKill: Self.killGrace
    case .infinity, nil: nil
    }
  }

  func lookForStuck() {
    let now = environment.clock.now().monotonic
    let late = lives.values.filter { life in life.stuckAt.map { $0 <= now } ?? false }
    for incarnation in late.map(\.incarnation).sorted(by: { $0.child < $1.child }) {
      lives[incarnation.child]?.stuckAt = nil
      stuck(incarnation)
    }
  }

  private func stuck(_ incarnation: ChildIncarnation) {
    guard let life = life(of: incarnation), !life.isStuck else { return }
    lives[incarnation.child]?.isStuck = true
    let path = "\(path)/\(incarnation.child)"
    environment.logger.critical(
      "a service does not stop and cannot be ended from outside",
      metadata: ["child": "\(path)", "next": "the process is given up for a fresh one"])
    environment.onStuck(path)
  }

  func ended(_ incarnation: ChildIncarnation, _ result: Result<Void, any Error>) {
    guard let life = life(of: incarnation) else { return }
    lives[incarnation.child] = nil
    causes[incarnation.child] = Self.cause(of: result)
    feed(.childEnded(incarnation, Self.exit(of: life, result)))
  }

  private static func cause(of result: Result<Void, any Error>) -> Problem? {
    guard case .failure(let error) = result else { return nil }
    return (error as? SupervisionFailure)?.cause ?? (error as? Problem)
  }

  private static func exit(of life: Life, _ result: Result<Void, any Error>) -> ChildExit {
    switch result {
    case _ where life.isKilled: .failure("killed")
    case .success: life.isAsked ? .shutdown : .normal
    case .failure(is CancellationError) where life.isAsked: .shutdown
    case .failure(let error): .failure("\(error)")
    }
  }

  func life(of incarnation: ChildIncarnation) -> Life? {
    guard let life = lives[incarnation.child], life.incarnation == incarnation else { return nil }
    return life
  }
}
