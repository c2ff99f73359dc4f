import ClusterModel
import HostPorts
import Synchronization

/// Shows the log lines of modules on standard error as they come.
final class ModuleLogFollower: Sendable {
  private struct State {
    /// The modules to follow, and when the last line that was shown of each was written.
    var wanted: [ModuleName: WallInstant?] = [:]
    var news: AsyncStream<ModuleName>.Continuation?
  }

  private let cluster: any ClusterService
  private let caller: Caller
  private let state = Mutex(State())

  /// Before a module whose stream has ended is followed again: its node may be restarting.
  private static let pause = Duration.milliseconds(200)

  init(cluster: any ClusterService, caller: Caller) {
    self.cluster = cluster
    self.caller = caller
  }

  /// Follows these modules too; those that are followed already are not followed twice.
  @Sendable func follow(_ modules: [ModuleName]) {
    state.withLock { state in
      for module in modules where state.wanted[module] == nil {
        state.wanted[module] = .some(nil)
        state.news?.yield(module)
      }
    }
  }

  /// Runs until its task is cancelled.
  @Sendable func run(_ ready: @escaping @Sendable () -> Void) async {
    let (modules, news) = AsyncStream.makeStream(of: ModuleName.self)
    state.withLock { state in
      // `follow` lets each name in once, so the stream holds a name for each module at most.
      for module in state.wanted.keys.sorted() { news.yield(module) }
      state.news = news
    }
    ready()
    await withDiscardingTaskGroup { group in
      for await module in modules {
        group.addTask { await self.show(module) }
      }
      group.cancelAll()
    }
  }

  private func show(_ module: ModuleName) async {
    while !Task.isCancelled {
      do {
        let shown = state.withLock { $0.wanted[module] ?? nil }
        for await line in try await cluster.logs(of: module, follow: true, for: caller)
        where shown.map({ $0 < line.at }) ?? true {
          StandardError.write(LogLinePrinter.text(of: line))
          state.withLock { $0.wanted[module] = line.at }
        }
        // Sleeping ends early only when the task is cancelled, which the loop looks at itself.
        try? await Task.sleep(for: Self.pause)
      } catch  where error.category == .unavailable {
        try? await Task.sleep(for: Self.pause)
      } catch {
        if !Task.isCancelled {
          ErrorPrinter.warn("the log of \(module) cannot be followed: \(error)")
        }
        // The module was removed. When it is deployed again it is followed again.
        state.withLock { _ = $0.wanted.removeValue(forKey: module) }
        return
      }
    }
  }
}
