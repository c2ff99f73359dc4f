import ArgumentParser
import ClusterModel
import EventRouting

/// How much the event log of a server holds.
struct EventLogOptions: ParsableArguments {
  private static let range = 1...10_000_000

  @Option(
    help: ArgumentHelp(
      "Deliveries that may be owed; beyond it publishers are told to slow down.", valueName: "n"))
  var maxPending = EventRouter.Limits().pendingDeliveries

  func validate() throws {
    guard Self.range.contains(maxPending) else {
      throw ValidationError(
        "--max-pending is \(Self.range.lowerBound) to \(Self.range.upperBound)")
    }
  }
}
