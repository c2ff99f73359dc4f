import ClusterSimulator
import Foundation

/// A scenario as a file: JSON, of at most a mebibyte.
enum ScenarioFile {
  private static let maximumSize = 1 << 20

  static func read(_ path: String) throws -> Scenario {
    let handle = try FileHandle(forReadingFrom: URL(filePath: path))
    let data = try handle.read(upToCount: maximumSize + 1) ?? Data()
    guard data.count <= maximumSize else {
      throw ScenarioProblemText(text: "it is larger than \(maximumSize) bytes")
    }
    let scenario = try JSONDecoder().decode(Scenario.self, from: data)
    let known = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(scenario))
    if let key = unknownKey(in: try JSONSerialization.jsonObject(with: data), known, []) {
      throw ScenarioProblemText(text: "\(key) is not a key of a scenario")
    }
    return scenario
  }

  /// The first key that was not taken in: whatever was, is there again when it is written.
  private static func unknownKey(in given: Any, _ known: Any, _ path: [String]) -> String? {
    if let given = given as? [Any], let known = known as? [Any] {
      return zip(given, known).enumerated().lazy.compactMap { index, pair in
        unknownKey(in: pair.0, pair.1, path + ["[\(index)]"])
      }.first
    }
    guard let given = given as? [String: Any], let known = known as? [String: Any] else {
      return nil
    }
    for key in given.keys.sorted() {
      guard let value = given[key], !(value is NSNull) else { continue }
      guard let read = known[key] else { return (path + [key]).joined(separator: ".") }
      if let unknown = unknownKey(in: value, read, path + [key]) { return unknown }
    }
    return nil
  }

  private struct ScenarioProblemText: Error { let text: String }

  /// What is wrong, and where in the file.
  static func text(of error: any Error) -> String {
    switch error {
    case let problem as ScenarioProblem: return problem.description
    case let problem as ScenarioProblemText: return problem.text
    case let error as DecodingError: return text(of: error)
    case let error: return error.localizedDescription
    }
  }

  private static func text(of error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context):
      return "\(place(context)) has no \"\(key.stringValue)\""
    case .valueNotFound(_, let context), .typeMismatch(_, let context),
      .dataCorrupted(let context):
      let cause = context.underlyingError.map { " (\($0))" } ?? ""
      return "\(place(context)): \(context.debugDescription)\(cause)"
    @unknown default: return "\(error)"
    }
  }

  private static func place(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
    return path.isEmpty ? "the scenario" : path.joined(separator: ".")
  }
}
