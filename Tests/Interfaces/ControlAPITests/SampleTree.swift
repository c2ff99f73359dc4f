import ClusterModel
import HostPorts
import Supervision
import Synchronization

/// A supervision tree of one child, which remembers that it was killed.
final class SampleTree: SupervisionService {
  private let killed = Mutex<[String]>([])

  var kills: [String] { killed.withLock { $0 } }

  func status() async -> SupervisionStatus {
    SupervisionStatus(
      name: "main", kind: .supervisor, state: .running, restarts: 0, starts: 1, lastExit: nil,
      since: nil, strategy: .oneForOne,
      children: [
        SupervisionStatus(
          name: "bus", kind: .worker, state: .waiting, restarts: 2, starts: 3,
          lastExit: "failed: killed", since: Samples.instant, strategy: nil, children: [])
      ])
  }

  func kill(path: String) async throws(Problem) {
    guard path == "main/bus" else {
      throw Problem(.notFound, code: "no_such_child", "nothing runs at \(path)")
    }
    killed.withLock { $0.append(path) }
  }
}
