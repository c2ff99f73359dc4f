internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes

/// The description of the API (OpenAPI 3.1), made from the routes themselves.
enum OpenAPIDocument {
  /// The version of the API, not of the program.
  static let version = "1.0.0"

  static func make(_ routes: [Route]) -> JSONTree {
    var paths: [String: JSONTree] = [:]
    for route in routes {
      let path = route.path.description
      let operation: [String: JSONTree] = [
        route.method.rawValue.lowercased(): describe(route)
      ]
      paths[path] = (paths[path] ?? [:]).with(operation)
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "WasmMatrix", "version": .string(version),
        "summary": "The HTTP API of a WasmMatrix cluster.",
        "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
      ],
      "servers": [["url": "/"]],
      "paths": .object(paths),
      "components": [
        "schemas": .object(Schemas.all),
        "securitySchemes": [
          "token": [
            "type": "http", "scheme": "bearer",
            "description":
              "A user's token. Not needed when the server listens on a loopback address without TLS.",
          ]
        ],
      ],
    ]
  }

  private static func describe(_ route: Route) -> JSONTree {
    let operation = route.operation
    var members: [String: JSONTree] = [
      "operationId": .string(operation.id), "summary": .string(operation.summary),
      "responses": .object(responses(route)),
    ]
    if case .role(let role) = RouteRoles.access(to: operation) {
      members["security"] = [["token": []]]
      members["x-least-role"] = .string(role.rawValue)
    }
    let parameters = parameters(route)
    if !parameters.isEmpty { members["parameters"] = .array(parameters) }
    if !operation.body.isEmpty {
      members["requestBody"] = ["required": true, "content": content(operation.body)]
    }
    return .object(members)
  }

  private static func parameters(_ route: Route) -> [JSONTree] {
    var parameters = route.path.parameterNames.map { name in
      parameter(.path, name, about(name), Schema.string).with(["required": true])
    }
    for given in route.operation.parameters {
      parameters.append(parameter(given.place, given.name, given.about, given.schema))
    }
    if route.operation.isNamespaced {
      let about = "The namespace; \"default\" is the only one so far."
      parameters.append(parameter(.query, CallerReader.namespaceParameter, about, Schema.string))
      parameters.append(parameter(.header, APIHeader.namespace, about, Schema.string))
    }
    return parameters
  }

  private static func parameter(
    _ place: Operation.Parameter.Place, _ name: String, _ about: String, _ schema: JSONTree
  ) -> JSONTree {
    [
      "in": .string(place.rawValue), "name": .string(name), "description": .string(about),
      "schema": schema,
    ]
  }

  private static func about(_ name: String) -> String {
    switch name {
    case "name": "The name of a module, or of an application."
    case "module": "The name of a module."
    case "version": "The version of a module."
    case "offset": "The place of an event in the log."
    case _: "The identifier of the item."
    }
  }

  private static func responses(_ route: Route) -> [String: JSONTree] {
    var responses: [String: JSONTree] = [:]
    for answer in route.operation.answers {
      var members: [String: JSONTree] = ["description": .string(answer.about)]
      if !answer.content.isEmpty { members["content"] = content(answer.content) }
      if !answer.headers.isEmpty {
        members["headers"] = .object(answer.headers.mapValues { ["schema": $0] })
      }
      responses[String(answer.status)] = .object(members)
    }
    for category in route.operation.problems {
      responses[String(category.httpStatus)] = problem(category.title)
    }
    if case .role = RouteRoles.access(to: route.operation) {
      responses["401"] = problem("No token, or one that counts no more.")
      responses["403"] = problem(Problem.Category.refused.title)
    }
    responses["default"] = problem("Any other problem.")
    return responses
  }

  private static func problem(_ about: String) -> JSONTree {
    [
      "description": .string(about),
      "content": [APIJSON.problemType: ["schema": Schema.ref("Problem")]],
    ]
  }

  private static func content(_ schemas: [String: JSONTree]) -> JSONTree {
    .object(schemas.mapValues { $0 == Schema.bytes ? [:] : ["schema": $0] })
  }
}
