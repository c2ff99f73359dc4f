internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// The registry.
enum ModuleRoutes {
  static func routes(_ service: any ClusterService) -> [Route] {
    [push(service), list(service), one(service), version(service), history(service)]
  }

  private static func push(_ service: any ClusterService) -> Route {
    Route(
      .put, "/v1/modules/{name}/versions/{version}", body: .upTo(APILimits.moduleBody),
      Operation(
        id: "pushModule", summary: "Push a signed module under a name and a version.",
        parameters: [
          .header(
            APIHeader.signature, "Signature data outside the module, in base64.", Schema.base64)
        ],
        body: ["application/wasm": Schema.bytes],
        answers: [
          .json(201, "It is in the registry now.", Schema.ref("ModuleVersion")),
          .json(200, "It was there, with these bytes.", Schema.ref("ModuleVersion")),
        ], problems: [.invalidInput, .refused, .conflict, .tooLarge, .overloaded]),
      tooLarge: { request, problem in
        try await service.recordRefusedPush(
          of: try reference(request), because: problem, by: request.caller)
      }
    ) { request in
      let reference = try reference(request)
      let pushed = try await service.push(
        request.body, detachedSignature: try detachedSignature(request.headers), as: reference,
        by: request.caller)
      return try .json(
        ModuleVersionResource(pushed), status: pushed.existed ? .ok : .created)
    }
  }

  private static func reference(_ request: APIRequest) throws -> VersionReference {
    VersionReference(
      module: try request.parameter("name"), version: try request.parameter("version"))
  }

  private static func detachedSignature(_ headers: HTTPFields) throws(Problem) -> [UInt8]? {
    guard let name = HTTPField.Name(APIHeader.signature), let text = headers[name] else {
      return nil
    }
    guard let bytes = Base64.decode(text), !bytes.isEmpty else {
      throw Problem(
        .invalidInput, code: "signature_not_base64", "\(APIHeader.signature) is not base64",
        next: "Send the bytes of the file that `wasmatrix sign --detached` wrote, in base64.")
    }
    return bytes
  }

  private static func list(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/modules",
      Operation(
        id: "listModules", summary: "Every version of every module.",
        answers: [.json(200, "Names sorted, oldest version first.", Schema.list("ModuleVersion"))])
    ) { request in
      let versions = try await service.versions(of: nil, for: request.caller)
      return try .list(versions.map { ModuleVersionResource($0) })
    }
  }

  private static func history(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/modules/{name}/history",
      Operation(
        id: "getModuleHistory", summary: "Everything that was ever deployed under a name.",
        answers: [.json(200, "Oldest first.", Schema.list("DeployedGeneration"))],
        problems: [.invalidInput])
    ) { request in
      let name: ModuleName = try request.parameter("name")
      let history = try await service.history(of: name, for: request.caller)
      return try .list(history.map { DeployedGenerationResource($0) })
    }
  }

  private static func version(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/modules/{name}/versions/{version}",
      Operation(
        id: "getModuleVersion", summary: "All that is known of one version.",
        answers: [.json(200, "The version.", Schema.ref("WasmModule"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let wanted = try reference(request)
      let versions = try await service.versions(of: wanted.module, for: request.caller)
      guard let record = versions.first(where: { $0.version == wanted.version }) else {
        throw Problem(
          .notFound, code: "version_unknown",
          "there is no version \(wanted.version) of \(wanted.module)",
          next: "See which there are with `wasmatrix modules \(wanted.module)`.")
      }
      let newest = try await service.history(of: wanted.module, for: request.caller)
        .last { $0.version == wanted.version }
      return try .json(WasmModule(record, newest))
    }
  }

  private static func one(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/modules/{name}",
      Operation(
        id: "getModule", summary: "Every version of one module.",
        answers: [.json(200, "Oldest version first.", Schema.list("ModuleVersion"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let name: ModuleName = try request.parameter("name")
      let versions = try await service.versions(of: name, for: request.caller)
      guard !versions.isEmpty else {
        throw Problem(
          .notFound, code: "module_unknown", "there is no module \"\(name)\"",
          next: "See what there is with `wasmatrix modules`.")
      }
      return try .list(versions.map { ModuleVersionResource($0) })
    }
  }
}
