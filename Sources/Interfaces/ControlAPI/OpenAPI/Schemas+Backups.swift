// Copies of everything durable.
extension Schemas {
  static let backup = Schema.object(required: [
    "format": Schema.integer, "id": Schema.string, "madeAt": Schema.time,
    "files": Schema.array(
      Schema.object(required: [
        "name": Schema.string, "sizeBytes": Schema.integer, "sha256": Schema.string,
      ])),
  ])
}
