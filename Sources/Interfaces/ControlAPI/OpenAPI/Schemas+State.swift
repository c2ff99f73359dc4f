internal import ClusterModel

// State outside of modules.
extension Schemas {
  static let bucket = Schema.object(
    required: [
      "name": Schema.string, "consistency": consistency, "maximumValueBytes": Schema.integer,
      "maximumSizeBytes": Schema.integer, "entries": Schema.integer, "sizeBytes": Schema.integer,
    ],
    optional: [
      "stalenessMilliseconds": Schema.number, "timeToLiveMilliseconds": Schema.number,
    ])

  static let bucketRequest = Schema.object(
    required: [:],
    optional: [
      "consistency": consistency, "stalenessMilliseconds": Schema.integer,
      "maximumValueBytes": Schema.integer, "maximumSizeBytes": Schema.integer,
      "timeToLiveMilliseconds": Schema.integer,
    ])

  private static let consistency: JSONTree = ["type": "string", "enum": ["strong", "cached"]]

  static let stateEntry = Schema.object(
    required: [
      "key": Schema.string, "revision": Schema.integer, "modifiedAt": Schema.time,
      "value": Schema.ref("Bytes"),
    ], optional: ["expiresAt": Schema.time])

  static let stateChange = Schema.object(
    required: ["key": Schema.string, "revision": Schema.integer, "at": Schema.time],
    optional: ["entry": Schema.ref("StateEntry")])

  static let stateBatchRequest = Schema.object(required: [
    "writes": Schema.array(
      Schema.object(
        required: ["bucket": Schema.string, "key": Schema.string],
        optional: [
          "value": Schema.object(
            required: ["base64": Schema.base64],
            optional: ["size": Schema.integer, "text": Schema.string]),
          "merge": Schema.texts(MergeFunction.allCases), "ifRevision": Schema.integer,
        ]))
  ])

  static let stateBatch = Schema.object(required: [
    "revisions": Schema.array(Schema.integer)
  ])
}
