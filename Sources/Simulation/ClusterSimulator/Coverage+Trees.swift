import ClusterModel
import Supervision

// Supervision: which kind of thing each thing is.
extension Coverage {
  mutating func count(_ input: Supervisor.Input) {
    switch input {
    case .startRequested: count(.supervisorInputStartRequested)
    case .childStarted: count(.supervisorInputChildStarted)
    case .childStartFailed: count(.supervisorInputChildStartFailed)
    case .childEnded: count(.supervisorInputChildEnded)
    case .restartRequested: count(.supervisorInputRestartRequested)
    case .terminateRequested: count(.supervisorInputTerminateRequested)
    case .stopRequested: count(.supervisorInputStopRequested)
    case .deadlineReached: count(.supervisorInputDeadlineReached)
    }
  }

  mutating func count(_ directive: Supervisor.Directive) {
    switch directive {
    case .startChild: count(.supervisorDirectiveStartChild)
    case .stopChild: count(.supervisorDirectiveStopChild)
    case .killChild: count(.supervisorDirectiveKillChild)
    case .started: count(.supervisorDirectiveStarted)
    case .ended(.shutdown): count(.supervisorEndedShutdown)
    case .ended(.startFailed): count(.supervisorEndedStartFailed)
    case .ended(.intensityReached): count(.supervisorEndedIntensityReached)
    case .report(let event): count(event)
    }
  }

  private mutating func count(_ event: SupervisorEvent) {
    switch event {
    case .childStarted: count(.supervisorEventChildStarted)
    case .childStartFailed: count(.supervisorEventChildStartFailed)
    case .childEnded: count(.supervisorEventChildEnded)
    case .childStopped: count(.supervisorEventChildStopped)
    case .shutdownTimedOut: count(.supervisorEventShutdownTimedOut)
    case .restarting(_, _, _, delay: .zero): count(.supervisorEventRestartingAtOnce)
    case .restarting: count(.supervisorEventRestartingLater)
    case .escalated: count(.supervisorEventEscalated)
    }
  }

  mutating func count(_ exit: ChildExit) {
    switch exit {
    case .normal: count(.childExitNormal)
    case .shutdown: count(.childExitShutdown)
    case .failure: count(.childExitFailure)
    }
  }

  /// A restart under a strategy.
  mutating func count(_ strategy: SupervisionStrategy) {
    switch strategy {
    case .oneForOne: count(.strategyOneForOne)
    case .oneForAll: count(.strategyOneForAll)
    case .restForOne: count(.strategyRestForOne)
    }
  }

  /// The end of a child that nobody asked to end.
  mutating func count(_ restart: RestartType) {
    switch restart {
    case .permanent: count(.restartPermanent)
    case .transient: count(.restartTransient)
    case .temporary: count(.restartTemporary)
    }
  }

  mutating func countCrash(_ owner: SimulatedTree.Owner) {
    switch owner {
    case .plane: count(.faultChildCrashInControlPlane)
    case .agent: count(.faultChildCrashInAgent)
    case .drill: count(.faultChildCrashInDrill)
    }
  }
}
