import ClusterModel
import ManifestYAML
import Testing

/// The problems of a text, or none.
func problems(of text: String) -> [String] {
  do {
    _ = try ManifestReader.read(text, file: "app.yaml")
    return []
  } catch {
    return error.problems.map(\.description)
  }
}

@Suite struct ManifestReaderTests {
  static let full = """
    # The El Nino series, cleaned and watched.
    apiVersion: wasmatrix/v1
    name: el-nino
    modules:
      clean:
        source: build/clean.wasm
        version: 1.10
        kind: command
        triggers:
          - topic: sensors/+/raw
          - topic: batches/#
        publish: readings/clean
        args: ["--strict", 5, true]
        env:
          THRESHOLD: "27.5"
          FACTOR: 1.50
          DEBUG: yes
          EMPTY: ""
          POEM: |
            two
            lines
        limits: { memory: 64MiB, cpu: 500ms, wall: 1.5s, output: 1MB, log: 64KiB }
        retry: { attempts: 7, initial-delay: 250ms, maximum-delay: 1m }
        concurrency: 8
        idempotent: true
      alarm:
        version: 2.0.0
    """

  @Test func `order, groups and the patience for answers arrive`() throws {
    let text = """
      apiVersion: wasmatrix/v1
      name: a
      modules:
        m:
          version: "1"
          triggers:
            - { topic: orders/#, order-by: data.customer.id, group: workers }
            - topic: "#"
          retry: { answer-grace: 90s }
      """
    let configuration = try #require(
      try ManifestReader.read(text, file: "app.yaml").modules.first
    ).configuration
    #expect(configuration.triggers.map(\.orderBy?.text) == ["data.customer.id", nil])
    #expect(configuration.triggers.map(\.group?.text) == ["workers", nil])
    #expect(configuration.retry == RetryPolicy(answerGrace: .seconds(90)))
  }

  @Test func `every key of the full example arrives`() throws {
    let manifest = try ManifestReader.read(Self.full, file: "app.yaml")
    #expect(manifest.name.text == "el-nino")
    #expect(manifest.modules.map(\.name.text) == ["clean", "alarm"])
    let clean = manifest.modules[0]
    #expect(clean.code == .source(path: "build/clean.wasm", version: try ModuleVersion("1.10")))
    let configuration = clean.configuration
    #expect(configuration.kind == .command)
    #expect(configuration.triggers.map(\.topic.text) == ["sensors/+/raw", "batches/#"])
    #expect(configuration.resultTopic?.text == "readings/clean")
    #expect(configuration.arguments == ["--strict", "5", "true"])
    #expect(
      configuration.environment.map { "\($0.name)=\($0.value)" }
        == ["DEBUG=yes", "EMPTY=", "FACTOR=1.50", "POEM=two\nlines\n", "THRESHOLD=27.5"])
    #expect(
      configuration.limits
        == ActivationLimits(
          memory: .mebibytes(64), cpuTime: .milliseconds(500), wallTime: .milliseconds(1500),
          output: ByteCount(bytes: 1_000_000), log: .kibibytes(64)))
    #expect(
      configuration.retry
        == RetryPolicy(
          attempts: 7, initialDelay: .milliseconds(250), maximumDelay: .seconds(60)))
    #expect(configuration.concurrency == 8)
    #expect(configuration.isIdempotent)
  }

  @Test func `what is left out has its default`() throws {
    let text = """
      apiVersion: wasmatrix/v1
      name: small
      modules:
        hello: { source: hello.wasm }
      """
    let manifest = try ManifestReader.read(text, file: "app.yaml")
    #expect(
      manifest.modules == [
        ApplicationManifest.Module(
          name: try ModuleName("hello"), code: .source(path: "hello.wasm", version: nil),
          configuration: DeploymentConfiguration())
      ])
  }

  @Test func `a version alone is one that is registered`() throws {
    let manifest = try ManifestReader.read(Self.full, file: "app.yaml")
    #expect(manifest.modules[1].code == .registered(try ModuleVersion("2.0.0")))
  }

  @Test(arguments: ["1.10", "1", "1e3", "0x10", "2026-11-23", "\"1.10\"", "'1.10'"])
  func `a version that YAML takes for a number keeps its text`(version: String) throws {
    let text = "{apiVersion: wasmatrix/v1, name: a, modules: {b: {version: \(version)}}}"
    let manifest = try ManifestReader.read(text, file: "app.yaml")
    let bare = version.filter { $0 != "\"" && $0 != "'" }
    #expect(manifest.modules[0].code == .registered(try ModuleVersion(bare)))
  }

  @Test func `JSON is read too`() throws {
    let text = """
      {
      \t"apiVersion": "wasmatrix/v1", "name": "el-nino",
      \t"modules": {"clean": {
      \t\t"source": "clean.wasm", "triggers": [{"topic": "a\\/b"}], "concurrency": 3,
      \t\t"limits": {"memory": "1MiB"}, "env": {"A": true, "B": "\\u00e9\\n"}
      \t}}
      }
      """
    let manifest = try ManifestReader.read(text, file: "app.json")
    let configuration = manifest.modules[0].configuration
    #expect(configuration.triggers.map(\.topic.text) == ["a/b"])
    #expect(configuration.concurrency == 3)
    #expect(configuration.limits.memory == .mebibytes(1))
    #expect(configuration.environment.map(\.value) == ["true", "\u{e9}\n"])
  }

  @Test func `a pattern is read as its JSON, with plain words as texts`() throws {
    let text = """
      apiVersion: wasmatrix/v1
      name: halls
      modules:
        warm:
          version: 1
          publish: a/b
          triggers:
            - topic: a/b
              where:
                type: [reading, "5", yes, 007]
                data:
                  temperature: [{ numeric: [">", 20, "<=", 3.05e1] }, null, true, ~, -0.5]
                  site: { name: [{ prefix: hall- }] }
                $or:
                  - subject: [{ exists: false }]
                  - e1: [{ anything-but: [x, y] }]
            - topic: a/b
              where: { type: [other] }
      """
    let pattern = JSONValue.object([
      "type": .array([.string("reading"), .string("5"), .string("yes"), .string("007")]),
      "data": .object([
        "temperature": .array([
          .object([
            "numeric": .array([.string(">"), .integer(20), .string("<="), .number(30.5)])
          ]), .null, .bool(true), .null, .number(-0.5),
        ]), "site": .object(["name": .array([.object(["prefix": .string("hall-")])])]),
      ]),
      "$or": .array([
        .object(["subject": .array([.object(["exists": .bool(false)])])]),
        .object([
          "e1": .array([.object(["anything-but": .array([.string("x"), .string("y")])])])
        ]),
      ]),
    ])
    let triggers = try ManifestReader.read(text, file: "app.yaml").modules[0].configuration.triggers
    #expect(triggers.count == 2)
    #expect(triggers[0].pattern == (try EventPattern(pattern)))
  }

  @Test func `bytes, a byte order mark and other line ends are fine`() throws {
    let windows = "\u{FEFF}" + Self.full.split(separator: "\n").joined(separator: "\r\n")
    let manifest = try ManifestReader.read(Array(windows.utf8), file: "app.yaml")
    #expect(manifest == (try ManifestReader.read(Self.full, file: "app.yaml")))
  }

  @Test func `the largest manifest that is allowed is read`() throws {
    var text = "apiVersion: wasmatrix/v1\nname: big\nmodules:\n"
    for number in 0..<1000 {
      text += "  m\(number):\n    version: 1\n    triggers:\n"
      for topic in 0..<20 { text += "    - topic: t/\(number)/\(topic)/+\n" }
    }
    #expect(text.utf8.count > 400_000)
    let manifest = try ManifestReader.read(text, file: "app.yaml")
    #expect(manifest.modules.count == 1000)
    #expect(manifest.modules.allSatisfy { $0.configuration.triggers.count == 20 })
  }

  @Test func `all problems are told at once in the order of the file`() {
    let text = """
      apiVersion: wasmatrix/v2
      name: El Nino
      modules:
        clean:
          source: ../clean.wasm
          trigers:
            - topic: a
          limits: { memory: 12 apples, cpu: 5 }
          retry: { attempts: 0 }
          concurrency: "4"
        Bad:
          publish: "#"
      """
    #expect(
      problems(of: text) == [
        "app.yaml:1:13: apiVersion: \"wasmatrix/v2\" is not supported; allowed: wasmatrix/v1",
        "app.yaml:2:7: name: \"El Nino\" is not a valid application name; allowed: "
          + ApplicationName.rule,
        "app.yaml:5:13: modules.clean.source: \"../clean.wasm\" leaves the folder of the manifest; "
          + "allowed: a path below the folder of the manifest, like build/clean.wasm",
        "app.yaml:6:5: modules.clean.trigers: unknown key, did you mean \"triggers\"?; allowed: "
          + "source, version, kind, triggers, publish, args, env, limits, retry, concurrency, idempotent, "
          + "placement, capabilities, restart, shutdown",
        "app.yaml:8:23: modules.clean.limits.memory: \"12 apples\" is not a size; "
          + "allowed: 64KiB to 4GiB, like 128MiB",
        "app.yaml:8:39: modules.clean.limits.cpu: \"5\" has no unit (us, ms, s, m, h); "
          + "allowed: 1ms to 10m, like 10s",
        "app.yaml:9:24: modules.clean.retry.attempts: \"0\" is too small; "
          + "allowed: a whole number, 1 to 100",
        "app.yaml:10:18: modules.clean.concurrency: \"4\" is a text: leave the quotes out; "
          + "allowed: a whole number, 1 to 10000",
        "app.yaml:11:3: modules.Bad: it says neither \"source\" nor \"version\"; allowed: "
          + "source: the path of a .wasm; version: one that is in the registry; or both",
        "app.yaml:11:3: modules.Bad: \"Bad\" is not a valid module name; allowed: "
          + ModuleName.rule,
        "app.yaml:12:14: modules.Bad.publish: \"#\" is not a valid topic; allowed: " + Topic.rule,
      ])
  }

  @Test func `as a problem it says everything under one code`() throws {
    let text = "apiVersion: wasmatrix/v1\nnmae: x\n"
    let error = #expect(throws: ManifestProblems.self) {
      try ManifestReader.read(text, file: "app.yaml")
    }
    let problem = try #require(error).problem
    #expect(problem.category == .invalidInput)
    #expect(problem.code == "manifest_invalid")
    #expect(problem.message == problems(of: text).joined(separator: "\n"))
    #expect(problem.message.split(separator: "\n").count == 3)
  }

  @Test func `of very many problems the first are told and the rest counted`() throws {
    var text = "apiVersion: wasmatrix/v1\nname: x\nmodules:\n  m:\n    version: 1\n"
    for number in 0..<500 { text += "    k\(number): 1\n" }
    let error = try #require(
      #expect(throws: ManifestProblems.self) { try ManifestReader.read(text, file: "app.yaml") })
    #expect(error.problems.map(\.line) == Array(6..<56))
    #expect(error.omitted == 450)
    #expect(error.description.hasSuffix("\nand 450 more"))
  }
}
