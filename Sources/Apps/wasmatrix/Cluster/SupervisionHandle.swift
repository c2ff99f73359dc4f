import ClusterModel
import HostPorts
import Supervision
import SupervisionRuntime
import Synchronization

/// The tree of this process for those that run in it, and so must be there before it.
final class SupervisionHandle: SupervisionService {
  private let runner = Mutex<SupervisorRunner?>(nil)

  func set(_ runner: SupervisorRunner) { self.runner.withLock { $0 = runner } }

  private var running: SupervisorRunner {
    guard let runner = runner.withLock({ $0 }) else {
      preconditionFailure("the tree is set before anything runs in it")
    }
    return runner
  }

  func status() async -> SupervisionStatus { await running.status() }
  func kill(path: String) async throws(Problem) { try await running.kill(path: path) }
}
