import ClusterModel
import ControlAPIModel

/// Prints what nodes say of themselves, and who did not say it: to people on standard error, to programs in the result.
enum FleetListPrinter {
  /// More nodes are counted, not named.
  private static let mostNames = 10

  static func print<Item: Encodable & Sendable>(
    _ list: FleetListResource<Item>, _ options: OutputOptions, table: () -> TextTable
  ) throws {
    try ResultPrinter.print(list, options, table: table)
    guard !options.json, let text = warning(about: list.unanswered ?? []) else { return }
    ErrorPrinter.warn(text)
  }

  /// `a, b do not answer: what they hold is not shown`.
  ///
  /// - Returns: `nil` when there are none.
  static func warning(about nodes: [NodeID]) -> String? {
    guard let first = nodes.first else { return nil }
    guard nodes.count > 1 else { return "\(first) does not answer: what it holds is not shown" }
    let names = nodes.prefix(mostNames).map(\.text).joined(separator: ", ")
    let more = nodes.count - mostNames
    let others = more > 0 ? " and \(DrainProgress.count(more, "more node"))" : ""
    return "\(names)\(others) do not answer: what they hold is not shown"
  }
}
