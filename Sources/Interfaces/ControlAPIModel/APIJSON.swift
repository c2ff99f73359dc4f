internal import Foundation

/// JSON as the API writes and reads it: keys sorted, slashes as they are.
public enum APIJSON {
  /// The media type of problems (RFC 9457).
  public static let problemType = "application/problem+json"
  public static let type = "application/json"
  /// One JSON value a line.
  public static let linesType = "application/x-ndjson"

  /// The JSON of `value`, in one line without an end.
  ///
  /// - Parameter pretty: over several lines, indented, for people.
  public static func encode(_ value: some Encodable, pretty: Bool = false) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return [UInt8](try encoder.encode(value))
  }

  /// Reads a value from JSON that may be anything.
  ///
  /// - Throws: `DecodingError`; nesting deeper than 512 is such an error too.
  public static func decode<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws
    -> Value
  {
    try JSONDecoder().decode(type, from: Data(json))
  }
}
