internal import ClusterModel

/// What a route asks of whoever calls it.
enum RouteAccess: Hashable, Sendable {
  /// Nothing: what says who the server is, what it offers and whether it works.
  case open
  /// Nothing but what is in the body: a join token, or a certificate.
  case node
  /// A user's token with this role, or one that may more.
  case role(Role)
}

/// Who may what: every operation of the API, by its id.
enum RouteRoles {
  static let table: [String: RouteAccess] = [
    "health": .open, "describe": .open, "getAuthority": .open,
    "joinNode": .node, "renewCertificate": .node,

    "metrics": .role(.viewer), "listModules": .role(.viewer), "getModule": .role(.viewer),
    "getModuleVersion": .role(.viewer), "getModuleHistory": .role(.viewer),
    "listDeployments": .role(.viewer), "plan": .role(.viewer), "planScale": .role(.viewer),
    "explain": .role(.viewer),
    "getEvent": .role(.viewer), "tailEvents": .role(.viewer), "getLogs": .role(.viewer),
    "listDeadLetters": .role(.viewer), "getDeadLetter": .role(.viewer),
    "listBuckets": .role(.viewer), "listState": .role(.viewer), "getState": .role(.viewer),
    "watchState": .role(.viewer), "listNodes": .role(.viewer), "listPlacements": .role(.viewer),
    "listDistribution": .role(.viewer),
    "diagnose": .role(.viewer), "showSupervision": .role(.viewer),
    "showNodeSupervision": .role(.viewer),
    "listTrustedKeys": .role(.viewer),

    "invoke": .role(.invoker), "publishEvent": .role(.invoker), "writeState": .role(.invoker),

    "pushModule": .role(.deployer), "deploy": .role(.deployer), "rollBack": .role(.deployer),
    "undeploy": .role(.deployer), "scale": .role(.deployer), "declareBucket": .role(.deployer),
    "removeBucket": .role(.deployer), "replayDeadLetter": .role(.deployer),
    "dropDeadLetter": .role(.deployer), "replayEvents": .role(.deployer),

    "trustKey": .role(.admin), "revokeKey": .role(.admin), "listSecurityEvents": .role(.admin),
    "createToken": .role(.admin), "listTokens": .role(.admin), "revokeToken": .role(.admin),
    "cordonNode": .role(.admin), "uncordonNode": .role(.admin), "drainNode": .role(.admin),
    "forgetNode": .role(.admin), "killChild": .role(.admin), "disturbNode": .role(.admin),
    "makeBackup": .role(.admin),
    "readBackup": .role(.admin), "removeBackup": .role(.admin),
  ]

  /// What is not in the table is for admins.
  static func access(to operation: Operation) -> RouteAccess {
    table[operation.id] ?? .role(.admin)
  }
}
