import ClusterModel
import FoundationEssentials

/// Prints results to standard output: JSON for programs, tables for people.
enum ResultPrinter {
  /// Prints `value` as JSON when `options` ask for it, else the table.
  static func print(
    _ value: some Encodable, _ options: OutputOptions, table: () -> TextTable
  ) throws {
    if options.json {
      try printJSON(value)
    } else {
      StandardOutput.write(table().text)
    }
  }

  /// Prints `value` as indented JSON with sorted keys.
  static func printJSON(_ value: some Encodable) throws {
    StandardOutput.write(try encode(value, lineByLine: false))
  }

  /// Prints `value` as one line of JSON: for streams.
  static func printJSONLine(_ value: some Encodable) throws {
    StandardOutput.write(try encode(value, lineByLine: true))
  }

  private static func encode(_ value: some Encodable, lineByLine: Bool) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if !lineByLine { encoder.outputFormatting.insert(.prettyPrinted) }
    return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
  }
}
