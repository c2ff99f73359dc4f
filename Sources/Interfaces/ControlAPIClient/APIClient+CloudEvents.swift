public import ClusterModel
public import ControlAPIModel
internal import NIOHTTP1

extension APIClient {
  /// Publishes an event with its attributes, in the binary mode of the CloudEvents HTTP binding.
  /// When this returns, the event is on the server's disk.
  ///
  /// - Parameter slowDown: what is done when the server says that it has too much to do.
  public func publish(
    _ event: Event, slowDown: SlowDown = .none
  ) async throws(Problem) -> AcceptedEventResource {
    try await slowDown.honour { () async throws(Problem) in try await publishOnce(event) }
  }

  private func publishOnce(_ event: Event) async throws(Problem) -> AcceptedEventResource {
    var headers: HTTPHeaders = [:]
    if let type = event.dataContentType { headers.add(name: "Content-Type", value: type) }
    var attributes = [
      ("specversion", "1.0"), ("id", event.id), ("source", event.source), ("type", event.type),
      ("topic", event.topic.text),
    ]
    if let subject = event.subject { attributes.append(("subject", subject)) }
    if let time = event.time { attributes.append(("time", time.description)) }
    if let schema = event.dataSchema { attributes.append(("dataschema", schema)) }
    attributes += event.extensions.map { ($0.name, $0.value) }
    for (name, value) in attributes {
      headers.add(name: "ce-" + name, value: Self.headerValue(value))
    }
    return try await value(
      AcceptedEventResource.self,
      of: Call(method: .POST, path: ["v1", "events"], headers: headers, body: event.data))
  }

  /// Percent-encodes what the binding wants encoded: everything but printable ASCII, and the space,
  /// the double quote and the percent sign.
  private static func headerValue(_ text: String) -> String {
    var value = ""
    for byte in text.utf8 {
      let isPlain = (0x21...0x7e).contains(byte) && byte != 0x22 && byte != 0x25
      value +=
        isPlain ? String(Unicode.Scalar(byte)) : "%" + Hexadecimal.encode([byte]).uppercased()
    }
    return value
  }
}
