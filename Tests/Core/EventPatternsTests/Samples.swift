import ClusterModel
import EventPatterns
import Foundation

func json(_ text: String) throws -> JSONValue {
  try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
}

func pattern(_ text: String) throws -> EventPattern { try EventPattern(try json(text)) }

func event(
  type: String = "reading", topic: String = "a/b", subject: String? = nil,
  extensions: [Event.Attribute] = []
) -> Event {
  Event(
    id: "1", source: "/s", type: type, topic: Topic(unchecked: topic), subject: subject,
    extensions: extensions)
}

/// Whether data matches a list of tests at the field `a`.
func matches(_ tests: String, _ data: String) throws -> Bool {
  try pattern(#"{"data": {"a": \#(tests)}}"#).matches(event(), data: try json(data))
}

/// What is wrong with a pattern; empty when nothing is.
func problem(_ text: String) throws -> String { problem(try json(text)) }

func problem(_ value: JSONValue) -> String {
  do throws(InvalidPattern) {
    _ = try EventPattern(value)
    return ""
  } catch {
    return error.description
  }
}
