internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird
internal import NIOCore

/// Copies of everything durable.
enum BackupRoutes {
  static func routes(_ backups: any BackupService) -> [Route] {
    [make(backups), read(backups), remove(backups)]
  }

  private static func make(_ backups: any BackupService) -> Route {
    Route(
      .post, "/v1/backups",
      Operation(
        id: "makeBackup",
        summary:
          "Copy everything durable; the copy is kept until it is removed or another is made.",
        answers: [.json(201, "Its files.", Schema.ref("Backup"))])
    ) { _ in
      try .json(try await backups.makeBackup(), status: .created)
    }
  }

  private static func read(_ backups: any BackupService) -> Route {
    Route(
      .get, "/v1/backups/{backup}/file",
      Operation(
        id: "readBackup",
        summary: "Bytes of a file of a copy: at most 4 MiB from an offset on, none at its end.",
        parameters: [
          .query("name", "Of the file.", Schema.string),
          .query("offset", "Of the first byte.", Schema.integer),
        ],
        answers: [
          .init(
            status: 200, about: "The bytes.",
            content: ["application/octet-stream": Schema.string])
        ], problems: [.invalidInput, .notFound])
    ) { request in
      guard let name = request.query["name"] else {
        throw Problem(.invalidInput, code: "file_unnamed", "the query names no file")
      }
      let offset = try request.query.integer("offset", in: 0...Int64.max, default: 0)
      let backup = request.parameters["backup"] ?? ""
      let bytes = try await backups.readBackup(
        backup, file: name, from: Int(offset), atMost: APILimits.backupPiece)
      return Response(
        status: .ok, headers: [.contentType: "application/octet-stream"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
  }

  private static func remove(_ backups: any BackupService) -> Route {
    Route(
      .delete, "/v1/backups/{backup}",
      Operation(
        id: "removeBackup", summary: "Give back the room that a copy takes.",
        answers: [.init(status: 204, about: "It is gone.", content: [:])],
        problems: [.notFound])
    ) { request in
      try await backups.removeBackup(request.parameters["backup"] ?? "")
      return Response(status: .noContent)
    }
  }
}
