import ClusterModel
import ControlAPIModel

/// Deployments for people.
enum DeploymentTable {
  static func table(of deployments: [DeploymentResource]) -> TextTable {
    var table = TextTable(
      .text("MODULE"), .text("VERSION"), .text("APPLICATION"), .number("GENERATION"),
      .text("STATE"), .text("TRIGGERS"), .text("GRANTS"))
    for deployment in deployments {
      table.add(
        deployment.name.text, deployment.version.text, deployment.application.text,
        "\(deployment.generation)", state(deployment),
        WakingText.short(deployment.triggers), WakingText.short(deployment.capabilities))
    }
    return table
  }

  private static func state(_ deployment: DeploymentResource) -> String {
    guard let problem = deployment.problem else { return deployment.state.rawValue }
    return "\(deployment.state.rawValue): \(problem.detail)"
  }
}
