internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Supervision

/// The schemas that routes refer to, by name: one for each type of `ControlAPIModel`.
enum Schemas {
  static let all: [String: JSONTree] = [
    "Problem": problem, "Failure": failure, "Frame": frame, "Bytes": bytes,
    "Principal": Schema.object(
      required: [
        "kind": ["type": "string", "enum": ["person", "device", "node", "module", "system"]],
        "name": Schema.string,
      ]),
    "ModuleVersion": moduleVersion, "TrustedKey": trustedKey, "TrustKeyRequest": trustKeyRequest,
    "SecurityEvent": securityEvent, "Deployment": deployment, "Limits": limits, "Retry": retry,
    "DeployRequest": deployRequest, "DeployLine": deployLine, "Removed": removed,
    "Event": event, "AcceptedEvent": acceptedEvent, "EventStatus": eventStatus,
    "Delivery": delivery, "TailLine": tailLine, "ReplayRequest": replayRequest, "Replay": replay,
    "DeadLetter": deadLetter, "CloudEvent": cloudEvent, "Node": node,
    "NodeScheduling": nodeScheduling, "RollbackRequest": rollbackRequest,
    "ScaleRequest": scaleRequest,
    "DeployedGeneration": deployedGeneration, "PlanRequest": planRequest,
    "Explanation": explanation,
    "Placement": placement, "Distribution": distribution, "LogLine": logLine, "Finding": finding,
    "Bucket": bucket, "BucketRequest": bucketRequest, "StateEntry": stateEntry,
    "StateChange": stateChange, "StateBatchRequest": stateBatchRequest,
    "StateBatch": stateBatch,
    "ServiceTree": serviceTree, "Supervision": supervision, "WasmModule": wasmModule,
    "Backup": backup,
    "JoinNodeRequest": joinNodeRequest, "RenewCertificateRequest": renewCertificateRequest,
    "IssuedCertificate": issuedCertificate, "CreateTokenRequest": createTokenRequest,
    "CreatedToken": createdToken, "Token": token,
    "KillRequest": Schema.object(
      required: ["child": Schema.string], optional: ["node": Schema.string]),
    "DisturbRequest": Schema.object(
      required: ["action": Schema.texts(DisturbRequest.Action.allCases)],
      optional: ["milliseconds": Schema.integer]),
    "Health": Schema.object(required: ["status": ["type": "string", "enum": ["ready"]]]),
  ]

  private static let problem = Schema.object(
    required: [
      "type": Schema.string, "title": Schema.string, "status": Schema.integer,
      "detail": Schema.string, "code": Schema.string,
    ],
    optional: [
      "cause": Schema.string, "next": Schema.string, "retryAfterSeconds": Schema.integer,
      "failure": Schema.ref("Failure"),
    ])

  private static let failure = Schema.object(
    required: [
      "code": Schema.texts(ActivationFailure.Code.allCases), "message": Schema.string,
      "frames": Schema.array(Schema.ref("Frame")),
    ],
    optional: [
      "trap": Schema.string, "exitStatus": ["type": "integer"], "log": Schema.string,
      "logTruncated": Schema.bool,
    ])

  private static let frame = Schema.object(
    required: ["functionIndex": Schema.integer, "moduleOffset": Schema.integer],
    optional: ["function": Schema.string])

  private static let bytes = Schema.object(
    required: ["size": Schema.integer, "base64": Schema.base64],
    optional: ["text": Schema.string])

  private static let moduleVersion = Schema.object(
    required: [
      "namespace": Schema.string, "name": Schema.string, "version": Schema.string,
      "digest": Schema.string, "size": Schema.integer, "signers": Schema.array(Schema.string),
      "pushedAt": Schema.time, "pushedBy": Schema.ref("Principal"),
    ], optional: ["existed": Schema.bool])

  private static let wasmModule = Schema.object(required: [
    "id": Schema.string, "name": Schema.string, "version": Schema.string,
    "binaryHash": Schema.string, "signature": Schema.string,
    "capabilities": Schema.object(required: [
      "requiredPermissions": Schema.array(Schema.string),
      "resourceLimits": Schema.object(required: [
        "maxMemoryBytes": Schema.integer, "maxCPUTimeMilliseconds": Schema.number,
        "allowedSyscalls": Schema.array(Schema.string),
      ]),
    ]),
    "deploymentConfig": Schema.object(required: [
      "targetArchitectures": Schema.array(Schema.texts(Architecture.allCases)),
      "preferredLocations": Schema.array(Schema.string),
      "scalingPolicy": Schema.object(required: [
        "minInstances": Schema.integer, "maxInstances": Schema.integer,
        "scaleTrigger": Schema.string,
      ]),
    ]),
    "createdAt": Schema.time, "updatedAt": Schema.time,
  ])

  private static let trustedKey = Schema.object(
    required: [
      "id": Schema.string, "publicKey": Schema.base64, "label": Schema.string,
      "addedAt": Schema.time,
    ], optional: ["revokedAt": Schema.time])

  private static let trustKeyRequest = Schema.object(
    required: ["publicKey": Schema.base64, "label": Schema.string])

  private static let securityEvent = Schema.object(required: [
    "sequence": Schema.integer, "kind": Schema.texts(SecurityEvent.Kind.allCases),
    "at": Schema.time, "principal": Schema.ref("Principal"), "namespace": Schema.string,
    "subject": Schema.string, "reason": Schema.string, "detail": Schema.string,
  ])

  private static let node = Schema.object(
    required: [
      "id": Schema.string,
      "location": Schema.object(
        required: ["zone": Schema.string],
        optional: [
          "coordinates": Schema.object(required: [
            "latitude": ["type": "number"], "longitude": ["type": "number"],
          ])
        ]),
      "capabilities": Schema.object(
        required: [
          "architectures": Schema.array(Schema.texts(Architecture.allCases)),
          "cpuFeatures": Schema.array(Schema.string), "memory": Schema.integer,
          "cpuCores": Schema.integer, "specializedHardware": Schema.array(Schema.string),
          "labels": Schema.array(
            Schema.object(required: ["name": Schema.string, "value": Schema.string])),
        ], optional: ["faultDomain": Schema.string]),
      "healthStatus": Schema.texts(HealthStatus.allCases),
      "state": Schema.texts(NodeState.allCases),
      "scheduling": Schema.texts(NodeScheduling.allCases),
      "currentLoad": Schema.object(required: [
        "cpuPercent": Schema.number, "memoryPercent": Schema.number,
        "activeModules": Schema.integer,
      ]), "lastHeartbeat": Schema.time,
    ],
    optional: [
      "startedAt": Schema.time, "engine": engine, "drained": Schema.bool,
      "version": Schema.string, "reason": Schema.texts(NodeChangeReason.allCases),
      "breaker": Schema.texts(BreakerStanding.allCases),
      "heartbeats": Schema.texts(HeartbeatPunctuality.allCases),
      "roundTrips": Schema.array(
        Schema.object(
          required: ["microseconds": Schema.integer],
          optional: ["node": Schema.string, "landmark": Schema.string])),
    ])

  private static let nodeScheduling = Schema.object(
    required: ["node": Schema.string],
    optional: ["scheduling": Schema.texts(NodeScheduling.allCases)])

  private static let engine = Schema.object(required: [
    "libraryVersion": Schema.string, "architecture": Schema.string,
    "cpuFeatures": Schema.array(Schema.string), "workers": Schema.integer,
    "instanceSlots": Schema.integer, "liveInstances": Schema.integer,
    "queuedActivations": Schema.integer,
  ])

  private static let distribution = Schema.object(
    required: [
      "node": Schema.string, "module": Schema.string, "version": Schema.string,
      "generation": Schema.integer, "digest": Schema.string,
      "role": Schema.texts(PlacementStanding.allCases),
      "stage": Schema.texts(DistributionResource.Stage.allCases),
    ],
    optional: [
      "receivedBytes": Schema.integer, "sizeBytes": Schema.integer, "readySince": Schema.time,
      "problem": Schema.ref("Problem"),
    ])

  private static let placement = Schema.object(
    required: [
      "node": Schema.string, "module": Schema.string, "version": Schema.string,
      "role": Schema.texts(PlacementStanding.allCases), "digest": Schema.string,
      "generation": Schema.integer, "code": Schema.texts(CodeMode.allCases),
      "readySince": Schema.time,
      "activations": Schema.integer, "failures": Schema.integer, "running": Schema.integer,
    ],
    optional: [
      "service": Schema.object(
        required: [
          "state": Schema.texts(ChildState.allCases), "restarts": Schema.integer,
        ], optional: ["since": Schema.time, "lastExit": Schema.string])
    ])

  private static let logLine = Schema.object(required: [
    "at": Schema.time, "module": Schema.string, "version": Schema.string,
    "eventID": Schema.string, "text": Schema.string,
  ])

  private static let supervision = Schema.object(
    required: [
      "name": Schema.string, "kind": Schema.texts(ChildKind.allCases),
      "state": Schema.texts(ChildState.allCases), "restarts": Schema.integer,
      "starts": Schema.integer, "children": Schema.array(Schema.ref("Supervision")),
    ],
    optional: [
      "lastExit": Schema.string, "since": Schema.time,
      "strategy": Schema.texts(SupervisionStrategy.allCases),
    ])

  private static let serviceTree = Schema.object(required: [
    "strategy": Schema.texts(SupervisionStrategy.allCases), "restarts": Schema.integer,
    "windowMilliseconds": Schema.number,
    "children": Schema.array(
      Schema.object(
        required: ["name": Schema.string],
        optional: [
          "restart": Schema.texts(RestartType.allCases), "shutdownMilliseconds": Schema.number,
          "group": Schema.ref("ServiceTree"),
        ])),
  ])

  private static let finding = Schema.object(required: [
    "subject": Schema.string,
    "verdict": Schema.texts([Finding.Verdict.ok, .warning, .failure]),
    "detail": Schema.string,
  ])
}
