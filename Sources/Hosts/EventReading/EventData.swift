public import ClusterModel
import EventPatterns
import Foundation

/// What the data of an event says, for patterns.
public enum EventData {
  /// The data as JSON, away from whoever asks, as it may take a millisecond; `nil` when it is no JSON, or more
  /// than patterns look at (``PatternData``).
  @concurrent public static func json(_ data: [UInt8]) async -> JSONValue? {
    guard !data.isEmpty, data.count <= PatternData.maximumSize.bytes else { return nil }
    // What is no JSON is no fault: it has no fields.
    guard
      let object = try? JSONSerialization.jsonObject(with: Data(data), options: .fragmentsAllowed)
    else { return nil }
    var count = 0
    return value(object, depth: 1, &count)
  }

  private static func value(_ object: Any, depth: Int, _ count: inout Int) -> JSONValue? {
    count += 1
    guard count <= PatternData.maximumValues else { return nil }
    switch object {
    case is NSNull: return .null
    case let text as String: return .string(text)
    case let number as NSNumber: return value(number)
    case let elements as [Any]:
      guard depth <= PatternData.maximumDepth else { return nil }
      var values: [JSONValue] = []
      for element in elements {
        guard let element = value(element, depth: depth + 1, &count) else { return nil }
        values.append(element)
      }
      return .array(values)
    case let members as [String: Any]:
      guard depth <= PatternData.maximumDepth else { return nil }
      var values: [String: JSONValue] = [:]
      for (name, member) in members {
        guard let member = value(member, depth: depth + 1, &count) else { return nil }
        values[name] = member
      }
      return .object(values)
    case _: return nil
    }
  }

  private static func value(_ number: NSNumber) -> JSONValue? {
    // Foundation has true and false as numbers of one byte, which it makes of nothing else.
    switch String(cString: number.objCType) {
    case "c", "B": return .bool(number.boolValue)
    case "q", "i", "s", "l": return .integer(number.int64Value)
    case _: break
    }
    let double = number.doubleValue
    guard double.isFinite else { return nil }
    return Int64(exactly: double).map { .integer($0) } ?? .number(double)
  }
}
