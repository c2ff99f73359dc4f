import ClusterModel
import Logging
import ProcessWatching

/// Sees to it that the death of this process is heard of at once: a watcher beside it sends what it is given
/// here. Without one it is noticed when connections close.
final class AgentWatch: Sendable {
  private let process: WatchedProcess?
  private let watcher: Watcher?

  /// Blocks for a moment: for the start of a program.
  ///
  /// - Parameter path: of the page that somebody else has made, and waits on, too.
  init(on path: String?) {
    let logger = Logger(label: "watcher")
    do throws(Problem) {
      let page = if let path { try WatchPage(openingAt: path) } else { try WatchPage() }
      let process = WatchedProcess(page)
      try process.tellAtACrash()
      self.process = process
      watcher = Watcher(Watcher.programBesideThis, of: process) { problem in
        logger.warning(
          "this agent is not watched: its death is noticed when its connection closes",
          metadata: ["problem": "\(problem)"])
      }
    } catch {
      logger.warning("this agent is not watched", metadata: ["problem": "\(error)"])
      process = nil
      watcher = nil
    }
  }

  /// What is to be sent when this process dies, and where to (`sockaddr`).
  func announce(_ notice: [UInt8], to address: [UInt8]) {
    do {
      process?.announce([try DeathNotice(notice, to: address)])
    } catch {
      Logger(label: "watcher").warning(
        "this agent is not watched", metadata: ["problem": "\(error)"])
    }
  }

  /// The process ends in order.
  func end() { watcher?.end() }
}
