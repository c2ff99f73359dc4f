import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct DrainVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Move a node's work away; it serves until another node does.",
    discussion: """
      Waits until nothing is left on the node and what ran there has come to its end, so that it \
      can be switched off. What no other node can run stays until one can, and is named with the \
      reason. What is held there by hand is not moved, and not waited for.

      The node is given work again by `wasmatrix uncordon`. Until then the drain goes on, also \
      when the time runs out (exit status 1) and after Ctrl-C; `wasmatrix nodes` shows when it is \
      drained.

      EXAMPLE
        wasmatrix drain press-7 && ssh press-7 reboot
        wasmatrix drain press-7 --timeout 1h
        wasmatrix drain press-7 --no-wait
      """)

  @OptionGroup var arguments: NodeArguments

  @Flag(help: "End as soon as the node is to be drained.")
  var noWait = false

  @Option(help: ArgumentHelp("How long to wait.", valueName: "time"))
  var timeout = DurationArgument(.seconds(300))

  private enum Ended { case followed(DrainLook), interrupted }

  /// What a program reads of it.
  private struct Report: Encodable {
    enum Outcome: String, Encodable {
      /// Nothing is left there.
      case drained
      /// The control plane has given it up.
      case unavailable
      case timedOut = "timed_out"
    }

    var node: NodeID
    var scheduling = NodeScheduling.draining
    var outcome: Outcome
    /// What is still there, or held by hand.
    var left: [DrainLook.Item]
  }

  func run() async throws {
    if noWait { return try await arguments.run(.drain, saying: "is being drained") }
    let (node, timeout) = (arguments.node, timeout.duration)
    let signals = StopSignals()
    let ended: Ended = try await arguments.server.withClient { client in
      let follower = DrainFollower(client: client, node: node, timeout: timeout)
      let before = try await follower.held()
      _ = try await client.command(.drain, node)
      return try await withThrowingTaskGroup(of: Ended.self, returning: Ended.self) { group in
        group.addTask {
          let look = try await follower.follow(since: before)
          return .followed(look)
        }
        group.addTask {
          await signals.first()
          return .interrupted
        }
        defer { group.cancelAll() }
        return try await group.next() ?? .interrupted
      }
    }
    switch ended {
    case .followed(let look): try report(look)
    case .interrupted:
      ProgressPrinter.note(
        "the drain of \(node) goes on; `wasmatrix nodes` shows when it is drained, and "
          + "`wasmatrix uncordon \(node)` gives it work again")
      throw CancellationError()
    }
  }

  private func report(_ look: DrainLook) throws {
    let node = arguments.node
    switch look {
    case .empty(let byHand):
      if !byHand.isEmpty {
        ProgressPrinter.note(
          "held there by hand, until its agent ends: \(DrainProgress.names(byHand))")
      }
      try printResult(.drained, left: byHand, "\(node) is drained: nothing is left on it")
    case .lost:
      try printResult(
        .unavailable, left: [], "\(node) is unavailable: what it had is given to others")
    case .silent: try timeOut(left: [], "it does not answer")
    case .left(let items, let running): try timeOut(left: items, Self.cause(items, running))
    }
  }

  private static func cause(_ items: [DrainLook.Item], _ running: Int) -> String {
    if !items.isEmpty { return "still there: \(DrainProgress.names(items))" }
    guard running > 0 else { return "something is still being made ready there" }
    return "still running there: \(DrainProgress.count(running, "run"))"
  }

  /// - Throws: always: ``Problem`` `drain_timed_out`.
  private func timeOut(left: [DrainLook.Item], _ cause: String) throws {
    let node = arguments.node
    if arguments.output.json { try printResult(.timedOut, left: left, "") }
    throw Problem(
      .deadlineExceeded, code: "drain_timed_out", "\(node) is not drained yet", cause: cause,
      next: "It goes on: wait longer with --timeout, see why with `wasmatrix explain MODULE`, or "
        + "give the node work again with `wasmatrix uncordon \(node)`.")
  }

  /// - Parameter text: for people.
  private func printResult(
    _ outcome: Report.Outcome, left: [DrainLook.Item], _ text: String
  ) throws {
    guard arguments.output.json else { return StandardOutput.write(text + "\n") }
    try ResultPrinter.printJSON(Report(node: arguments.node, outcome: outcome, left: left))
  }
}
