public import ClusterModel
public import EventRouting
public import HostPorts
import SupervisionRuntime

// Following events needs no decisions of the control plane: they are read from the log.
extension SupervisedControlPlane: EventTailService, EventReplayService {
  public func tail(
    _ question: TailQuestion, for caller: Caller
  ) async throws(Problem) -> any EventTail {
    try await LogTail(question, in: caller.namespace, bus, tails, clock: clock)
  }

  public func replay(
    _ request: ReplayRequest, by caller: Caller
  ) async throws(Problem) -> ReplayedPage {
    try await plane.borrow().replay(request, by: caller)
  }

  /// Tells whoever follows the life of the cluster. When the control plane is being restarted, as soon as
  /// there is one.
  public func announce(_ notice: LifecycleNotice) {
    Task {
      // Without a control plane nobody hears it; the log of the program has it.
      guard let plane = try? await self.plane.borrow() else { return }
      await plane.announce(notice)
    }
  }
}
