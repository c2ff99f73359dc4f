internal import ClusterModel

extension Schemas {
  static let event = Schema.object(
    required: [
      "id": Schema.string, "source": Schema.string, "type": Schema.string,
      "topic": Schema.string, "namespace": Schema.string,
      "extensions": Schema.map(Schema.string), "dataSize": Schema.integer,
    ],
    optional: [
      "subject": Schema.string, "time": Schema.time, "dataContentType": Schema.string,
      "dataSchema": Schema.string, "data": Schema.ref("Bytes"),
    ])

  static let acceptedEvent = Schema.object(
    required: [
      "id": Schema.string, "source": Schema.string, "deliveries": Schema.integer,
      "duplicate": Schema.bool,
    ], optional: ["offset": Schema.integer])

  static let eventStatus = Schema.object(required: [
    "offset": Schema.integer, "event": Schema.ref("Event"), "acceptedAt": Schema.time,
    "settled": Schema.bool, "deliveries": Schema.array(Schema.ref("Delivery")),
  ])

  static let tailLine = Schema.object(
    required: [:],
    optional: [
      "offset": Schema.integer, "acceptedAt": Schema.time, "event": Schema.ref("Event"),
      "missed": Schema.object(required: ["from": Schema.integer, "through": Schema.integer]),
    ])

  static let replayRequest = Schema.object(
    required: [:],
    optional: [
      "from": Schema.integer, "fromTime": Schema.time, "through": Schema.integer,
      "throughTime": Schema.time, "topic": Schema.string, "module": Schema.string,
    ])

  static let replay = Schema.object(
    required: [
      "events": Schema.integer, "deliveries": Schema.integer, "through": Schema.integer,
      "missed": Schema.array(
        Schema.object(required: ["from": Schema.integer, "through": Schema.integer])),
    ], optional: ["next": Schema.integer])

  static let delivery = Schema.object(
    required: [
      "id": Schema.integer, "module": Schema.string,
      "state": Schema.texts([EventStatus.State.pending, .succeeded, .dead, .dropped]),
      "attempts": Schema.integer,
    ],
    optional: [
      "output": Schema.ref("Bytes"), "outputTruncated": Schema.bool,
      "failure": Schema.ref("Failure"),
    ])

  static let deadLetter = Schema.object(
    required: [
      "id": Schema.integer, "offset": Schema.integer, "module": Schema.string,
      "diedAt": Schema.time,
      "history": Schema.array(
        Schema.object(required: [
          "attempt": Schema.integer, "at": Schema.time, "failure": Schema.ref("Failure"),
        ])),
    ], optional: ["event": Schema.ref("Event")])

  /// What a client sends in structured mode: CloudEvents JSON format 1.0.2.
  static let cloudEvent = Schema.object(
    required: [
      "specversion": ["type": "string", "const": "1.0"], "id": Schema.string,
      "source": ["type": "string", "format": "uri-reference"], "type": Schema.string,
    ],
    optional: [
      "topic": Schema.string, "subject": Schema.string, "time": Schema.time,
      "datacontenttype": Schema.string, "dataschema": ["type": "string", "format": "uri"],
      "data": [:], "data_base64": Schema.base64,
    ]
  ).with(["additionalProperties": ["type": ["string", "boolean", "integer"]]])
}
