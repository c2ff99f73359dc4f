internal import ClusterModel
internal import ControlAPIModel
internal import Foundation

/// Reads JSON that may be anything.
enum JSONBody {
  /// - Throws: ``Problem`` with `json_invalid`, that says where.
  static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws(Problem)
    -> Value
  {
    // The library would take UTF-16 and UTF-32 too, which JSON between systems may not be.
    guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
      throw invalid("the body is not UTF-8 text", cause: nil)
    }
    guard !bytes.isEmpty else { throw invalid("the body is empty", cause: nil) }
    do {
      return try APIJSON.decode(type, from: bytes)
    } catch let error as DecodingError {
      throw problem(of: error, in: bytes)
    } catch {
      throw invalid("the body is not the JSON that is wanted", cause: "\(error)")
    }
  }

  /// Any JSON value: what matters is that it can be read.
  private struct AnyValue: Decodable {
    init(from decoder: any Decoder) throws {}
  }

  /// - Throws: ``Problem`` with `json_invalid` when it is not JSON.
  static func checkSyntax(_ bytes: [UInt8]) throws(Problem) {
    _ = try decode(AnyValue.self, from: bytes)
  }

  private static func problem(of error: DecodingError, in bytes: [UInt8]) -> Problem {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return invalid("\(place(context)) is of another type", cause: context.debugDescription)
    case .keyNotFound(let key, let context):
      return invalid("\"\(key.stringValue)\" is missing in \(place(context))", cause: nil)
    case .dataCorrupted(let context):
      if let place = placeOfSyntaxError(in: bytes) {
        return invalid("the body is not JSON", cause: place)
      }
      return invalid("\(place(context)) is wrong", cause: context.debugDescription)
    @unknown default:
      return invalid("the body is not the JSON that is wanted", cause: "\(error)")
    }
  }

  /// Line and column, which the decoder keeps to itself; the older parser says "around character"
  /// and a number of bytes.
  private static func placeOfSyntaxError(in bytes: [UInt8]) -> String? {
    do {
      _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      return nil
    } catch {
      let text = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String ?? ""
      let digits = text.split { !$0.isNumber }.last
      guard let index = digits.flatMap({ Int($0) }), bytes.indices.contains(index) else {
        return text.isEmpty ? "it ends too early" : text
      }
      let before = bytes[..<index]
      let line = before.count { $0 == UInt8(ascii: "\n") } + 1
      let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
      return "at line \(line), column \(index - start + 1)"
    }
  }

  private static func place(_ context: DecodingError.Context) -> String {
    var path = ""
    for key in context.codingPath {
      if let index = key.intValue {
        path += "[\(index)]"
      } else {
        path += (path.isEmpty ? "" : ".") + key.stringValue.prefix(80)
      }
    }
    return path.isEmpty ? "the body" : "\"\(path)\""
  }

  private static func invalid(_ message: String, cause: String?) -> Problem {
    Problem(
      .invalidInput, code: "json_invalid", message, cause: cause,
      next: "GET /openapi.json describes what each route takes.")
  }
}
