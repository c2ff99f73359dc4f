internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts

/// Who asks, and for which namespace.
enum CallerReader {
  /// The query parameter that every route takes.
  static let namespaceParameter = "namespace"

  /// - Throws: ``Problem`` with `namespace_unknown`.
  static func caller(
    _ principal: Principal, _ headers: HTTPFields, _ query: QueryParameters
  ) throws(Problem) -> Caller {
    let header = HTTPField.Name(APIHeader.namespace).flatMap { headers[$0] }
    let namespace = query[namespaceParameter] ?? header ?? Namespace.default.text
    guard namespace == Namespace.default.text, header == nil || header == namespace else {
      throw Problem(
        .notFound, code: "namespace_unknown", "there is no namespace \"\(namespace.prefix(80))\"",
        next: "Leave it out: \"default\" is the only one so far.")
    }
    return Caller(principal: principal, namespace: .default, traceParent: traceParent(headers))
  }

  /// A W3C trace context of a version that is known; what is malformed is left out, as it asks.
  private static func traceParent(_ headers: HTTPFields) -> String? {
    guard let name = HTTPField.Name("traceparent"), let text = headers[name] else { return nil }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [2, 32, 16, 2], parts[0] != "ff",
      parts.allSatisfy({ Hexadecimal.decode($0) != nil }),
      parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
    else { return nil }
    return text
  }
}
