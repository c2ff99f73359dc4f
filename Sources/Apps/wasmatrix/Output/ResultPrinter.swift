import ClusterModel
import ControlAPIModel

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
    StandardOutput.write(try APIJSON.encode(value, pretty: true) + [lineBreak])
  }

  /// Prints `value` as one line of JSON: for streams.
  static func printJSONLine(_ value: some Encodable) throws {
    StandardOutput.write(try APIJSON.encode(value) + [lineBreak])
  }

  private static let lineBreak = UInt8(ascii: "\n")
}
