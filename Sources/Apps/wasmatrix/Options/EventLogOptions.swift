import ArgumentParser
import ClusterModel
import EventRouting

/// How much the event log of a server holds.
struct EventLogOptions: ParsableArguments {
  private static let range = 1...10_000_000
  private static let keptRange = 0...10_000_000

  @Option(
    help: ArgumentHelp(
      "Deliveries that may be owed; beyond it publishers are told to slow down.", valueName: "n"))
  var maxPending = EventRouter.Limits().pendingDeliveries

  @Option(
    help: ArgumentHelp("Settled events that are kept, about.", valueName: "n"))
  var keepEvents = EventRetention.defaultEvents

  @Option(
    help: ArgumentHelp("MiB of settled events that are kept, about.", valueName: "n"))
  var keepMebibytes = EventRetention.defaultSize.bytes >> 20

  @Option(
    help: ArgumentHelp("How long settled events are kept, about.", valueName: "time"))
  var keepFor = DurationArgument(EventRetention.defaultAge)

  var retention: EventRetention {
    EventRetention(
      events: keepEvents, size: .mebibytes(keepMebibytes), age: keepFor.duration)
  }

  func validate() throws {
    guard Self.keptRange.contains(keepEvents), Self.keptRange.contains(keepMebibytes) else {
      throw ValidationError(
        "--keep-events and --keep-mebibytes are \(Self.keptRange.lowerBound) to "
          + "\(Self.keptRange.upperBound)")
    }
    guard Self.range.contains(maxPending) else {
      throw ValidationError(
        "--max-pending is \(Self.range.lowerBound) to \(Self.range.upperBound)")
    }
  }
}
