import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeAgentLogic
import NodeTracking
import Supervision

// Which kind of thing each thing is.
extension Coverage {
  mutating func count(_ input: ControlPlaneLogic.Input) {
    switch input {
    case .started: count(.planeInputStarted)
    case .persisted: count(.planeInputPersisted)
    case .persistFailed: count(.planeInputPersistFailed)
    case .agentDied: count(.planeInputAgentDied)
    case .roundTripsMeasured: count(.planeInputRoundTripsMeasured)
    case .activationEnded(_, _, .finished): count(.planeInputActivationFinished)
    case .activationEnded(_, _, .eventUnreadable): count(.planeInputActivationUnreadable)
    case .activationEnded(_, _, .interrupted): count(.planeInputActivationInterrupted)
    case .invocationRequested: count(.planeInputInvocationRequested)
    case .invocationEnded(_, _, .answered): count(.planeInputInvocationAnswered)
    case .invocationEnded(_, _, .notRun(.unreachable)):
      count(.planeInputInvocationUnreachable)
    case .invocationEnded(_, _, .notRun(.notServed)): count(.planeInputInvocationNotServed)
    case .invocationEnded(_, _, .notRun(.overloaded)): count(.planeInputInvocationOverloaded)
    case .invocationEnded(_, _, .lost): count(.planeInputInvocationLost)
    case .invocationEnded(_, _, .interrupted): count(.planeInputInvocationInterrupted)
    case .invocationWithdrawn: count(.planeInputInvocationWithdrawn)
    // In a simulation nothing but plans changes what nodes may do alone.
    case .standingContentChanged: break
    case .deadlineReached: count(.planeInputDeadlineReached)
    case .catalog(let input): count(input)
    case .nodeCommanded(_, _, let command, _): count(command)
    case .agentSpoke(let message): count(message)
    case .heartbeatArrived(let heartbeat, _): count(.heartbeat(heartbeat))
    case .events(let input): count(input)
    }
  }

  private mutating func count(_ input: Catalog.Input) {
    switch input {
    case .moduleVerified: count(.catalogModuleVerified)
    case .securityEventOccurred: count(.catalogSecurityEventOccurred)
    case .keyOffered: count(.catalogKeyOffered)
    case .keyRevocationRequested: count(.catalogKeyRevocationRequested)
    case .deploymentRequested: count(.catalogDeploymentRequested)
    case .undeploymentRequested: count(.catalogUndeploymentRequested)
    case .rollbackRequested: count(.catalogRollbackRequested)
    case .scaleRequested: count(.catalogScaleRequested)
    // These come from the logic itself, not from outside.
    case .placementReady, .placementLost, .placementFailed, .persisted, .persistFailed, .started:
      break
    }
  }

  private mutating func count(_ command: NodeCommand) {
    switch command {
    case .cordon: count(.nodeCommandCordon)
    case .drain: count(.nodeCommandDrain)
    case .uncordon: count(.nodeCommandUncordon)
    case .forget: count(.nodeCommandForget)
    case .evict: count(.nodeCommandEvict)
    }
  }

  private mutating func count(_ message: AgentMessage) {
    switch message {
    case .attached: count(.agentMessageAttached)
    case .heartbeat: count(.agentMessageHeartbeat)
    case .reported: count(.agentMessageReported)
    case .left: count(.agentMessageLeft)
    }
  }

  private mutating func count(_ input: EventRouter.Input) {
    switch input {
    case .recovered: count(.eventsRecovered)
    case .eventReceived: count(.eventsEventReceived)
    case .eventAppended: count(.eventsEventAppended)
    case .appendFailed: count(.eventsAppendFailed)
    case .changeRecorded: count(.eventsChangeRecorded)
    case .recordFailed: count(.eventsRecordFailed)
    case .effectsRefused: count(.eventsEffectsRefused)
    case .effectsOffered: count(.eventsEffectsOffered)
    case .effectsCommitted: count(.eventsEffectsCommitted)
    case .commitFailed: count(.eventsCommitFailed)
    // These come from the logic itself, or are not part of a simulation.
    case .deploymentsChanged, .readinessChanged, .handledEventReceived, .lifecycleOccurred,
      .activationFinished, .eventUnreadable, .activationLost, .deadLetterReplayed, .redelivered,
      .deadlineReached,
      .stopRequested:
      break
    }
  }

  mutating func count(_ directive: ControlPlaneLogic.Directive) {
    switch directive {
    case .persist: count(.planeDirectivePersist)
    case .reply(_, .catalog(.refused)), .reply(_, .refused): count(.planeDirectiveReplyRefused)
    case .reply(_, .catalog): count(.planeDirectiveReplyCatalog)
    case .reply(_, .node): count(.planeDirectiveReplyNode)
    case .progress: count(.planeDirectiveProgress)
    case .activate: count(.planeDirectiveActivate)
    case .invoke: count(.planeDirectiveInvoke)
    case .answerInvocation: count(.planeDirectiveAnswerInvocation)
    case .endInvocation: count(.planeDirectiveEndInvocation)
    case .refuseInvocation: count(.planeDirectiveRefuseInvocation)
    // Counted for each run that is abandoned.
    case .abandonRuns: break
    // Comes with each reply about a node that is forgotten or evicted.
    case .hangUp: break
    case .noteLateAnswer: count(.planeDirectiveNoteLateAnswer)
    case .seal: count(.planeDirectiveSeal)
    case .send(_, let message): count(message)
    case .events(let directive): count(directive)
    case .announce(let event): count(event)
    case .failedOver: count(.announcementNodeFailover)
    case .announceChanges(let changes): for event in changes.flatMap(\.messages) { count(event) }
    }
  }

  private mutating func count(_ message: ControlMessage) {
    switch message {
    case .welcome(_, nil, _): count(.controlMessageWelcome)
    case .welcome: count(.heartbeatsSlowedDown)
    case .unknown: count(.controlMessageUnknown)
    case .plan: count(.controlMessagePlan)
    case .heartbeatAcknowledged: count(.controlMessageHeartbeatAcknowledged)
    case .reportAcknowledged: count(.controlMessageReportAcknowledged)
    case .refused: count(.controlMessageRefused)
    case .standing: count(.controlMessageStanding)
    }
  }

  private mutating func count(_ directive: EventRouter.Directive) {
    switch directive {
    case .append: count(.routerAppend)
    case .accept: count(.routerAccept)
    case .settled: count(.routerSettled)
    case .giveUp: count(.routerGiveUp)
    case .refuse(_, let problem) where problem.code == "event_log_full": count(.routerRefuseFull)
    case .refuse(_, let problem) where problem.code == "event_log_lagging":
      count(.routerRefuseLagging)
    case .record(let change):
      switch change.outcome {
      case .succeeded: count(.routerRecordSucceeded)
      case .failed: count(.routerRecordFailed)
      case .dead: count(.routerRecordDead)
      }
    // Other refusals are what became of an append.
    case .refuse, .activate, .commit, .confirm: break
    }
  }

  private mutating func count(_ event: EventMessage) {
    switch event.type {
    case .moduleStart: count(.announcementModuleStart)
    case .moduleStop: count(.announcementModuleStop)
    case .moduleFailure: count(.announcementModuleFailure)
    case .nodeFailure: count(.announcementNodeFailure)
    case .nodeFailover: count(.announcementNodeFailover)
    case .scaleEvent: count(.announcementScaleEvent)
    case .nodeState: count(.announcementNodeState)
    case .deploymentChange: count(.announcementDeploymentChange)
    case .alarm: count(.announcementAlarm)
    }
  }

  mutating func count(_ input: NodeAgentLogic.Input) {
    switch input {
    case .started: count(.agentInputStarted)
    case .linkOpened: count(.agentInputLinkOpened)
    case .linkClosed: count(.agentInputLinkClosed)
    case .linkRefused: count(.agentInputLinkRefused)
    case .recalled: count(.agentInputRecalled)
    case .controlPlaneSpoke: count(.agentInputControlPlaneSpoke)
    case .vitalsMeasured: count(.agentInputVitalsMeasured)
    case .placementPrepared: count(.agentInputPlacementPrepared)
    case .placementFailed: count(.agentInputPlacementFailed)
    case .serviceStarted: count(.agentInputServiceStarted)
    case .serviceEnded: count(.agentInputServiceEnded)
    case .stopRequested: count(.agentInputStopRequested)
    case .deadlineReached: count(.agentInputDeadlineReached)
    case .holdRequested: count(.agentInputHoldRequested)
    case .releaseRequested: count(.agentInputReleaseRequested)
    case .keysRead: count(.agentInputKeysRead)
    }
  }

  mutating func count(_ directive: NodeAgentLogic.Directive) {
    switch directive {
    case .openLink: count(.agentDirectiveOpenLink)
    case .send: count(.agentDirectiveSend)
    case .measureVitals: count(.agentDirectiveMeasureVitals)
    case .prepare: count(.agentDirectivePrepare)
    case .renew: count(.agentDirectiveRenew)
    case .discard: count(.agentDirectiveDiscard)
    case .serve: count(.agentDirectiveServe)
    case .pause: count(.agentDirectivePause)
    case .startService: count(.agentDirectiveStartService)
    case .stopService: count(.agentDirectiveStopService)
    case .killService: count(.agentDirectiveKillService)
    case .report(.service(_, _, _, let event)): count(ofServices: event)
    case .report(.staleRefused): count(.agentDirectiveStaleRefused)
    case .report(.leaseRanOut): count(.agentDirectiveLeaseRanOut)
    case .report(.attachRefused): count(.agentDirectiveAttachRefused)
    case .recall: count(.agentDirectiveRecall)
    case .keepStanding: count(.agentDirectiveKeepStanding)
    case .remember: count(.agentDirectiveRemember)
    case .report(.obeysAlone): count(.agentDirectiveObeysAlone)
    case .report(.standingRefused): count(.agentDirectiveStandingRefused)
    case .report(.standingEnded): count(.agentDirectiveStandingEnded)
    case .end: count(.agentDirectiveEnd)
    case .answer(_, .success): count(.agentDirectiveAnswer)
    case .answer(_, .failure): count(.agentDirectiveAnswerRefused)
    case .readKeys: count(.agentDirectiveReadKeys)
    case .report(.releasedByHand(_, .planned)): count(.releasedAsPlanned)
    case .report(.releasedByHand(_, .crowdedOut)): count(.releasedAsCrowdedOut)
    case .report(.releasedByHand(_, .keyRevoked)): count(.releasedAsKeyRevoked)
    }
  }

  private mutating func count(ofServices event: SupervisorEvent) {
    switch event {
    case .restarting: count(.agentDirectiveServiceRestarting)
    case .escalated: count(.agentDirectiveServicesGivenUp)
    case .childStarted, .childStartFailed, .childEnded, .childStopped, .shutdownTimedOut: break
    }
  }

  mutating func count(_ fault: Fault) {
    switch fault {
    case .partition: count(.faultPartition)
    case .agentCrash: count(.faultAgentCrash)
    case .agentFreeze: count(.faultAgentFreeze)
    case .planeCrash: count(.faultPlaneCrash)
    case .diskIsFull: count(.faultDiskIsFull)
    case .diskIsSlow: count(.faultDiskIsSlow)
    case .silence: count(.faultSilence)
    case .workersStuck: count(.faultWorkersStuck)
    case .childCrash(let owner, _): countCrash(owner)
    }
  }
}
