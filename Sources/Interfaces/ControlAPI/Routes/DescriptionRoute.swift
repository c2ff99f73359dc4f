internal import Hummingbird

/// The description of the API.
enum DescriptionRoute {
  static func route(describing others: [Route]) -> Route {
    let operation = Operation(
      id: "describe", summary: "This document.",
      answers: [.json(200, "An OpenAPI 3.1 document.", ["type": "object"])], isNamespaced: false)
    let itself = Route(.get, "/openapi.json", operation) { _ in Response(status: .ok) }
    let document = OpenAPIDocument.make(others + [itself])
    return Route(.get, "/openapi.json", operation) { _ in try .json(document) }
  }
}
