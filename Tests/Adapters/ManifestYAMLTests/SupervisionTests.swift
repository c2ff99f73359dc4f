import ClusterModel
import ManifestYAML
import Testing

/// A manifest with services `a`, `b` and `c` and these lines of supervision, the first on line 9, column 3.
private func manifest(_ lines: String...) -> String {
  ([
    "apiVersion: wasmatrix/v1", "name: app", "modules:",
    "  a: { version: 1, kind: service, limits: { memory: 16MiB } }",
    "  b: { version: 1, kind: service, restart: transient, shutdown: kill }",
    "  c: { version: 1, kind: service, restart: temporary, shutdown: 1s }", "  m: { version: 1 }",
    "supervision:",
  ] + lines.map { "  " + $0 }).joined(separator: "\n")
}

@Suite struct SupervisionTests {
  private func read(_ text: String) throws -> [ApplicationManifest.Module] {
    try ManifestReader.read(text, file: "app.yaml").modules
  }

  @Test func `services without a word about supervision are watched over in their order`() throws {
    let text = manifest().replacing("\nsupervision:", with: "")
    let modules = try read(text)
    let tree = try #require(modules[0].configuration.serviceTree)
    #expect(
      tree
        == ServiceTree(children: [
          .service(modules[0].name, restart: .permanent, shutdown: .within(.seconds(5))),
          .service(modules[1].name, restart: .transient, shutdown: .kill),
          .service(modules[2].name, restart: .temporary, shutdown: .within(.seconds(1))),
        ]))
    #expect(modules[1].configuration.serviceTree == tree)
    #expect(
      modules[3].configuration.serviceTree == nil && modules[3].configuration.kind == .command)
    #expect(modules[0].configuration.reservedMemory == .mebibytes(16 + 128 + 128))
    #expect(modules[1].configuration.reservedMemory.bytes == 0)
  }

  @Test func `everything about supervision is read`() throws {
    let modules = try read(
      manifest(
        "strategy: rest-for-one", "intensity: { restarts: 9, within: 1m }",
        "back-off: { immediate: 2, initial: 1s, maximum: 5s, stable-after: 1m }",
        "placement: { fallbacks: 3, memory: 64MiB, isolation: stop }", "children:", "  - c",
        "  - group: inner", "    strategy: one-for-all", "    children: [b, a]"))
    let tree = try #require(modules[0].configuration.serviceTree)
    #expect(tree.strategy == .restForOne && tree.services.map(\.text) == ["c", "b", "a"])
    #expect(tree.intensity == RestartIntensity(restarts: 9, window: .seconds(60)))
    #expect(
      tree.backOff
        == RestartBackOff(
          immediate: 2, initial: .seconds(1), maximum: .seconds(5), stableAfter: .seconds(60)))
    guard case .group(let name, let inner) = tree.children[1] else {
      Issue.record("there is no group")
      return
    }
    #expect(name.text == "inner" && inner.strategy == .oneForAll)
    #expect(modules[2].configuration.placement.isolation == .stop)
    #expect(modules[0].configuration.reservedMemory == .mebibytes(64))
    #expect(modules[2].configuration.placement.fallbacks == 3)
  }

  @Test(arguments: [
    (["strategy: all"], "9:13: supervision.strategy: \"all\" is no strategy"),
    (
      ["intensity: { restarts: 1001 }"],
      "9:26: supervision.intensity.restarts: \"1001\" is too large"
    ),
    (["intensity: { within: 0s }"], "9:24: supervision.intensity.within: \"0s\" is too small"),
    (["back-off: { initial: 1m }"], "9:13: supervision.back-off: initial is longer than maximum"),
    (["children: [a, b]"], "9:13: supervision.children: the service c is not among them"),
    (["children: [a, b, c, a]"], "9:23: supervision.children[3]: \"a\" is there twice"),
    (["children: [a, b, c, m]"], "9:23: supervision.children[3]: \"m\" is no service"),
    (
      ["children: [a, b, {group: a, children: [c]}]"],
      "9:28: supervision.children[2].group: \"a\" is the name of another child"
    ),
    (
      ["children: [a, b, {children: [c]}]"],
      "9:20: supervision.children[2]: the required key \"group\" is missing"
    ),
    (
      [
        "children: [a, b, {group: w, children: [{group: x, children: [{group: y, children: [{group: z, "
          + "children: [c]}]}]}]}]"
      ], "groups are nested too deep"
    ),
    (["replicas: 2"], "9:3: supervision.replicas: unknown key"),
  ])
  func `each mistake is named with its place`(lines: [String], says: String) {
    let error = #expect(throws: ManifestProblems.self) {
      try read(lines.reduce(manifest()) { $0 + "\n  " + $1 })
    }
    #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
  }

  @Test func `supervision without a service is a mistake`() {
    let error = #expect(throws: ManifestProblems.self) {
      try read(
        "apiVersion: wasmatrix/v1\nname: app\nmodules:\n  m: { version: 1 }\n"
          + "supervision: { strategy: one-for-all }")
    }
    #expect(error?.description.contains("there is no service to supervise") == true)
  }
}
