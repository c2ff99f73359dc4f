import ClusterModel
import HostPorts
import Synchronization

/// Shows the log lines of modules on standard error as they come.
final class ModuleLogFollower: Sendable {
  private let cluster: any ClusterService
  private let caller: Caller
  private let wanted: AsyncStream<ModuleName>
  private let want: AsyncStream<ModuleName>.Continuation
  private let followed = Mutex<Set<ModuleName>>([])

  init(cluster: any ClusterService, caller: Caller) {
    self.cluster = cluster
    self.caller = caller
    // `follow` lets each name in once, so the stream holds a name for each module at most.
    (wanted, want) = AsyncStream.makeStream(of: ModuleName.self)
  }

  /// Follows these modules too; those that are followed already are not followed twice.
  func follow(_ modules: [ModuleName]) {
    for module in modules where followed.withLock({ $0.insert(module).inserted }) {
      want.yield(module)
    }
  }

  /// Runs until its task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await module in wanted {
        group.addTask { await self.show(module) }
      }
      group.cancelAll()
    }
  }

  private func show(_ module: ModuleName) async {
    do {
      for await line in try await cluster.logs(of: module, follow: true, for: caller) {
        StandardError.write(LogLinePrinter.text(of: line))
      }
    } catch {
      ErrorPrinter.warn("the log of \(module) cannot be followed: \(error)")
    }
    // The module was removed. When it is deployed again it is followed again.
    _ = followed.withLock { $0.remove(module) }
  }
}
