import ClusterModel
import HostPorts

/// What a command finds in its environment: what its manifest says, the attributes of its event, and
/// where it runs.
enum GuestEnvironment {
  static func variables(
    for event: Event, _ deployment: Deployment, node: NodeID, fence: PlanVersion, attempt: Int,
    trace: TraceContext
  ) -> [EnvironmentVariable] {
    var variables = own(deployment, node, fence)
    func add(_ name: String, _ value: String?) {
      guard let value else { return }
      variables.append(EnvironmentVariable(name: name, value: value))
    }
    add("CE_SPECVERSION", "1.0")
    add("CE_ID", event.id)
    add("CE_SOURCE", event.source)
    add("CE_TYPE", event.type)
    add("CE_TOPIC", event.topic.text)
    add("CE_SUBJECT", event.subject)
    add("CE_TIME", event.time?.description)
    add("CE_DATACONTENTTYPE", event.dataContentType)
    add("CE_DATASCHEMA", event.dataSchema)
    for attribute in event.extensions where !handled.contains(attribute.name) {
      add("CE_" + attribute.name.uppercased(), attribute.value)
    }
    add("TRACEPARENT", trace.parent)
    add("TRACESTATE", trace.isContinued ? event.attribute("tracestate") : nil)
    add("WASMATRIX_ATTEMPT", String(attempt))
    return variables
  }

  /// What a service finds there.
  ///
  /// - Parameter start: how often it was started, from 1 on.
  static func variables(
    for deployment: Deployment, node: NodeID, fence: PlanVersion?, start: Int
  ) -> [EnvironmentVariable] {
    own(deployment, node, fence)
      + [EnvironmentVariable(name: "WASMATRIX_START", value: String(start))]
  }

  /// What says the same at each run of a deployment under a fence.
  private static func own(
    _ deployment: Deployment, _ node: NodeID, _ fence: PlanVersion?
  ) -> [EnvironmentVariable] {
    var variables = deployment.configuration.environment
    func add(_ name: String, _ value: String) {
      variables.append(EnvironmentVariable(name: name, value: value))
    }
    add("WASMATRIX_NAMESPACE", deployment.namespace.text)
    add("WASMATRIX_MODULE", deployment.name.text)
    add("WASMATRIX_VERSION", deployment.version.text)
    add("WASMATRIX_NODE", node.text)
    // For servers that want to refuse whoever was replaced, and only heard of it too late.
    if deployment.mustStopAlone, let fence { add("WASMATRIX_FENCE", fence.description) }
    let capabilities = deployment.configuration.capabilities
    if !capabilities.granted.isEmpty {
      add(
        "WASMATRIX_HOST_FD",
        String(HostDescriptor.number(behind: GuestFolder.granted(by: capabilities).count)))
    }
    return variables
  }

  /// Extensions that have a variable of their own.
  private static let handled: Set<String> = ["topic", "traceparent", "tracestate"]
}
