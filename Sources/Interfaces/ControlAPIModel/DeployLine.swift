public import HostPorts

/// One line of the answer to `POST /v1/deployments`: progress, then one of the other two.
public enum DeployLine: Hashable, Sendable {
  /// `{"step": "verified", "module": "clean", "message": "..."}`
  case progress(DeployProgress)
  /// `{"done": true, "deployments": [...]}`
  case done([DeploymentResource])
  /// `{"problem": {...}}`: nothing has changed.
  case problem(ProblemResource)
}

extension DeployLine: Codable {
  private enum CodingKeys: String, CodingKey { case done, deployments, problem }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let problem = try container.decodeIfPresent(ProblemResource.self, forKey: .problem) {
      self = .problem(problem)
    } else if try container.decodeIfPresent(Bool.self, forKey: .done) == true {
      self = .done(try container.decode([DeploymentResource].self, forKey: .deployments))
    } else {
      self = .progress(try DeployProgress(from: decoder))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .progress(let progress): try progress.encode(to: encoder)
    case .done(let deployments):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(true, forKey: .done)
      try container.encode(deployments, forKey: .deployments)
    case .problem(let problem):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(problem, forKey: .problem)
    }
  }
}
