internal import ClusterModel
internal import ControlAPIModel
internal import Scheduling

extension Schemas {
  static let deployment = Schema.object(
    required: [
      "namespace": Schema.string, "application": Schema.string, "name": Schema.string,
      "version": Schema.string, "digest": Schema.string, "generation": Schema.integer,
      "deployedAt": Schema.time, "state": Schema.texts(DeploymentResource.State.allCases),
      "kind": Schema.texts(ModuleKind.allCases), "triggers": Schema.array(trigger),
      "arguments": Schema.array(Schema.string),
      "environment": Schema.array(
        Schema.object(required: ["name": Schema.string, "value": Schema.string])),
      "limits": Schema.ref("Limits"), "retry": Schema.ref("Retry"),
      "concurrency": Schema.integer, "replicas": Schema.integer, "idempotent": ["type": "boolean"],
      "capabilities": capabilities,
    ],
    optional: [
      "resultTopic": Schema.string, "problem": Schema.ref("Problem"),
      "supervision": Schema.ref("ServiceTree"),
    ])

  private static let trigger = Schema.object(
    required: ["topic": Schema.string],
    optional: [
      "where": ["type": "object", "description": "A pattern, see docs/EVENT-PATTERNS.md."],
      "orderBy": Schema.string, "group": Schema.string,
    ])

  private static let capabilities = Schema.object(
    required: [
      "publish": Schema.array(Schema.string),
      "state": Schema.array(
        Schema.object(required: [
          "bucket": Schema.string, "access": Schema.texts(StateGrant.Access.allCases),
          "prefixes": Schema.array(Schema.string),
        ])),
      "onDenial": Schema.texts(DenialPolicy.allCases),
    ],
    optional: [
      "httpOut": Schema.object(required: [
        "servers": Schema.array(Schema.string), "privateAddresses": Schema.array(Schema.string),
        "responseBytes": Schema.integer, "timeoutMilliseconds": Schema.number,
      ]),
      "files": Schema.object(
        required: [:],
        optional: [
          "scratch": Schema.object(required: [
            "path": Schema.string,
            "limits": Schema.object(required: ["size": Schema.integer, "entries": Schema.integer]),
          ]), "bundle": Schema.string,
        ]),
    ])

  static let limits = Schema.object(required: [
    "memoryBytes": Schema.integer, "cpuTimeMilliseconds": Schema.number,
    "wallTimeMilliseconds": Schema.number, "outputBytes": Schema.integer,
    "logBytes": Schema.integer, "calls": Schema.integer, "callBytes": Schema.integer,
    "outstandingCalls": Schema.integer, "openFiles": Schema.integer,
  ])

  static let retry = Schema.object(required: [
    "attempts": Schema.integer, "initialDelayMilliseconds": Schema.number,
    "maximumDelayMilliseconds": Schema.number, "answerGraceMilliseconds": Schema.number,
  ])

  static let deployRequest = Schema.object(required: [
    "manifest": ["type": "string", "description": "The text of the wasmatrix.yaml."],
    "versions": Schema.map(Schema.string).with([
      "description": "The registered version of each module of the manifest, by its name."
    ]),
  ])

  /// One line of the answer to a deployment.
  static let deployLine: JSONTree = [
    "oneOf": [
      Schema.object(
        required: [
          "step": [
            "type": "string",
            "enum": ["buckets", "accepted", "ready", "persisted", "done"],
          ],
          "message": Schema.string,
        ], optional: ["module": Schema.string]),
      Schema.object(required: [
        "done": ["type": "boolean", "const": true],
        "deployments": Schema.array(Schema.ref("Deployment")),
      ]),
      Schema.object(required: ["problem": Schema.ref("Problem")]),
    ]
  ]

  static let rollbackRequest = Schema.object(required: [:], optional: ["version": Schema.string])

  static let scaleRequest = Schema.object(required: [
    "replicas": ["type": "integer", "minimum": 0, "maximum": 1000]
  ])

  static let deployedGeneration = Schema.object(required: [
    "application": Schema.string, "version": Schema.string, "digest": Schema.string,
    "generation": Schema.integer, "deployedAt": Schema.time, "replicas": Schema.integer,
  ])

  static let planRequest = Schema.object(required: [
    "manifest": ["type": "string", "description": "The text of the wasmatrix.yaml."]
  ])

  static let explanation = Schema.object(required: [
    "decision": Schema.object(required: [
      "namespace": Schema.string, "module": Schema.string,
      "selectedNodes": Schema.array(Schema.string), "fallbackNodes": Schema.array(Schema.string),
      "decisionFactors": decisionFactors, "decisionTimeMilliseconds": Schema.number,
      "expiresAt": Schema.time,
    ]), "verdicts": Schema.array(verdict),
  ])

  private static let decisionFactors = Schema.object(required: [
    "proximityScore": ["type": "number"], "resourceScore": ["type": "number"],
    "dataLocalityScore": ["type": "number"], "faultDomainScore": ["type": "number"],
  ])

  private static let verdict = Schema.object(
    required: [
      "node": Schema.string, "outcome": Schema.texts(NodeVerdict.Outcome.allCases),
      "rejections": Schema.array(
        Schema.object(required: [
          "code": Schema.texts(Rejection.Code.allCases), "detail": Schema.string,
        ])), "reason": Schema.string,
    ],
    optional: [
      "factors": decisionFactors, "score": ["type": "number"],
      "latencyMilliseconds": Schema.number,
      "latencySource": Schema.texts(LatencySource.allCases), "distanceKilometres": Schema.number,
    ])

  static let removed = Schema.object(required: ["removed": Schema.array(Schema.string)])
}
