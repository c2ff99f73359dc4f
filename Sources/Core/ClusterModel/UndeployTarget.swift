/// What is to be undeployed.
public enum UndeployTarget: Hashable, Sendable {
  /// Every deployment of an application.
  case application(ApplicationName)
  /// One deployment.
  case module(ModuleName)
}
