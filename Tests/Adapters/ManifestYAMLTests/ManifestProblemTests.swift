import ClusterModel
import ManifestYAML
import Testing

/// A manifest whose only module has these lines, the first of them on line 5, column 5.
private func manifest(_ lines: String...) -> String {
  (["apiVersion: wasmatrix/v1", "name: app", "modules:", "  m:"] + lines.map { "    " + $0 })
    .joined(separator: "\n")
}

/// The module lines, and the one problem: where, which value, and a part of what is said.
struct Complaint: Sendable, CustomTestStringConvertible {
  var lines: [String]
  var place: String
  var path: String
  var says: String

  init(_ lines: String..., at place: String, _ path: String, _ says: String) {
    self.lines = lines
    self.place = place
    self.path = path
    self.says = says
  }

  var testDescription: String { lines.joined(separator: " | ") }
}

@Suite struct ManifestProblemTests {
  @Test(arguments: [
    Complaint("source: /a.wasm", at: "5:13", "source", "is absolute"),
    Complaint("source: ~/a.wasm", at: "5:13", "source", "only a shell"),
    Complaint("source: a/../../b.wasm", at: "5:13", "source", "leaves the folder"),
    Complaint("source: a/", at: "5:13", "source", "names a folder"),
    Complaint("source: a/..", at: "5:13", "source", "names a folder"),
    Complaint("source: ''", at: "5:13", "source", "names no file"),
    Complaint("source: \"a\\0b\"", at: "5:13", "source", "has control characters"),
    Complaint("source:", at: "5:12", "source", "is empty"),
    Complaint("source: [a]", at: "5:13", "source", "is a list"),
    Complaint("source: {a: b}", at: "5:13", "source", "is a mapping"),
    Complaint("version: -1", at: "5:14", "version", "is not a valid version"),
    Complaint("kind: command", at: "4:3", "", "neither \"source\" nor \"version\""),
    Complaint("version: 1", "kind: daemon", at: "6:11", "kind", "allowed: command, service"),
    Complaint(
      "version: 1", "restart: permanent", at: "6:5", "restart", "only services have it"),
    Complaint(
      "version: 1", "kind: service", "triggers: [{topic: a}]", at: "7:5", "triggers",
      "nothing wakes a service"),
    Complaint(
      "version: 1", "kind: service", "placement: {replicas: 2}", at: "7:5", "placement",
      "below \"supervision\""),
    Complaint(
      "version: 1", "kind: service", "limits: {cpu: 1s}", at: "7:14", "limits.cpu",
      "a limit of one activation"),
    Complaint(
      "version: 1", "kind: service", "restart: always", at: "7:14", "restart",
      "allowed: permanent, transient, temporary"),
    Complaint(
      "version: 1", "kind: service", "shutdown: 2m", at: "7:15", "shutdown", "is too large"),
    Complaint("version: 1", "triggers: a", at: "6:15", "triggers", "is a text or number"),
    Complaint(
      "version: 1", "triggers: [a]", at: "6:16", "triggers[0]",
      "these keys: topic, where, order-by, group"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "  group: A b", at: "8:14", "triggers[0].group",
      "not a valid group name"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "  order-by: data..id", at: "8:17",
      "triggers[0].order-by", "not a valid field to order by"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "  where: {type: x}", at: "8:21",
      "triggers[0].where.type", "is a text; allowed: a list"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "  where:",
      "    type: [a, {numeric: [\">\", 1, \"<\", 0]}]",
      at: "9:29", "triggers[0].where.type[1].numeric", "has no number within"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "  where: {time: [1]}", at: "8:21",
      "triggers[0].where.time", "is no attribute of an event"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "  where: {data: [1e999]}", at: "8:22",
      "triggers[0].where.data[0]", "is too large"),
    Complaint(
      "version: 1", "triggers:", "- {topic: a, where: {type: [b]}}",
      "- {topic: a, where: {type: [b]}}",
      at: "8:15", "triggers[1].topic", "on line 7 already"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "- topic: a/#/b", at: "8:14", "triggers[1].topic",
      "not a valid topic filter"),
    Complaint(
      "version: 1", "triggers:", "- topic: a", "- topic: a", at: "8:14", "triggers[1].topic",
      "on line 7 already"),
    Complaint("version: 1", "triggers: [{}]", at: "6:16", "triggers[0]", "\"topic\" is missing"),
    Complaint("version: 1", "publish: a/+", at: "6:14", "publish", "not a valid topic"),
    Complaint("version: 1", "publish: $x/a", at: "6:14", "publish", "of the platform"),
    Complaint(
      "version: 1", "triggers:", "- topic: a/#", "publish: a/b", at: "8:14", "publish",
      "trigger \"a/#\" on line 7"),
    Complaint("version: 1", "args: --strict", at: "6:11", "args", "is a text or number"),
    Complaint("version: 1", "args: [a, [b]]", at: "6:15", "args[1]", "is a list"),
    Complaint("version: 1", "args: [a, \"\\0\"]", at: "6:15", "args[1]", "NUL"),
    Complaint("version: 1", "env: [A]", at: "6:10", "env", "is a list"),
    Complaint("version: 1", "env: {1A: b}", at: "6:11", "env.1A", "not a valid name"),
    Complaint("version: 1", "env: {A-B: b}", at: "6:11", "env.A-B", "not a valid name"),
    Complaint("version: 1", "env: {CE_ID: b}", at: "6:11", "env.CE_ID", "set by the platform"),
    Complaint("version: 1", "env: {WASMATRIX_X: b}", at: "6:11", "env.WASMATRIX_X", "platform"),
    Complaint("version: 1", "env: {TRACEPARENT: b}", at: "6:11", "env.TRACEPARENT", "platform"),
    Complaint("version: 1", "env: {A: ~}", at: "6:14", "env.A", "\"\" for none"),
    Complaint("version: 1", "env: {A: \"\\0\"}", at: "6:14", "env.A", "NUL"),
    Complaint("version: 1", "limits: 5", at: "6:13", "limits", "these keys: memory, cpu"),
    Complaint(
      "version: 1", "limits: {memroy: 1MiB}", at: "6:14", "limits.memroy",
      "did you mean \"memory\"?"),
    Complaint("version: 1", "limits: {memory: 63KiB}", at: "6:22", "limits.memory", "too small"),
    Complaint("version: 1", "limits: {memory: 5GiB}", at: "6:22", "limits.memory", "too large"),
    Complaint(
      "version: 1", "limits: {memory: 99999999999999999999GiB}", at: "6:22", "limits.memory",
      "too large"),
    Complaint("version: 1", "limits: {memory: 1.5MiB}", at: "6:22", "limits.memory", "not a size"),
    Complaint("version: 1", "limits: {memory: 64mb}", at: "6:22", "limits.memory", "not a size"),
    Complaint("version: 1", "limits: {output: -1B}", at: "6:22", "limits.output", "too small"),
    Complaint("version: 1", "limits: {log: 17MiB}", at: "6:19", "limits.log", "0B to 16MiB"),
    Complaint("version: 1", "limits: {cpu: 1us}", at: "6:19", "limits.cpu", "1ms to 10m"),
    Complaint("version: 1", "limits: {cpu: 1.s}", at: "6:19", "limits.cpu", "not a duration"),
    Complaint("version: 1", "limits: {cpu: 1.2345s}", at: "6:19", "limits.cpu", "not a duration"),
    Complaint("version: 1", "limits: {wall: 2h}", at: "6:20", "limits.wall", "1ms to 1h"),
    Complaint("version: 1", "retry: {attempts: 101}", at: "6:23", "retry.attempts", "too large"),
    Complaint("version: 1", "retry: {attempts: 1.5}", at: "6:23", "retry.attempts", "whole number"),
    Complaint(
      "version: 1", "retry: {initial-delay: 31s}", at: "6:28", "retry.initial-delay",
      "longer than maximum-delay (30s, the default)"),
    Complaint(
      "version: 1", "retry: {maximum-delay: 10ms}", at: "6:28", "retry.maximum-delay",
      "initial-delay (100ms, the default) is longer"),
    Complaint("version: 1", "concurrency: 0", at: "6:18", "concurrency", "1 to 10000"),
    Complaint("version: 1", "idempotent: yes", at: "6:17", "idempotent", "true, false"),
    Complaint("version: 1", "concurrency: many", at: "6:18", "concurrency", "not a whole number"),
    Complaint(
      "version: 1", "environment: {A: b}", at: "6:5", "environment", "did you mean \"env\"?"),
    Complaint("version: 1", "zzz: 1", at: "6:5", "zzz", "unknown key; allowed: source,"),
    Complaint("version: 1", "version: 2", at: "6:5", "version", "twice, first on line 5"),
    Complaint("version: 1", "\"version\": 2", at: "6:5", "version", "twice, first on line 5"),
    Complaint("version: &x 1", at: "5:14", "version", "anchors"),
    Complaint("version: !!str 1", at: "5:14", "version", "tags"),
    Complaint("version: 1", "env: !!map {}", at: "6:10", "env", "tags"),
    Complaint("version: 1", "args: !!seq []", at: "6:11", "args", "tags"),
    Complaint("version: *x", at: "5:14", "version", "aliases"),
    Complaint("version: 1", "<<: {kind: command}", at: "6:5", "", "merge keys"),
    Complaint("version: 1", "? [a]", ": b", at: "6:7", "", "a list cannot be a key"),
  ])
  func `each mistake is named with its place and value`(complaint: Complaint) throws {
    let text =
      (["apiVersion: wasmatrix/v1", "name: app", "modules:", "  m:"]
      + complaint.lines.map { "    " + $0 }).joined(separator: "\n")
    let told = problems(of: text)
    try #require(told.count == 1, "\(told)")
    let path = complaint.path.isEmpty ? "modules.m" : "modules.m.\(complaint.path)"
    #expect(told[0].hasPrefix("app.yaml:\(complaint.place): \(path): "), "\(told[0])")
    #expect(told[0].contains(complaint.says), "\(told[0])")
  }

  @Test(arguments: [
    ("", "1:1: the file is empty"),
    ("# only a comment\n", "1:1: the file is empty"),
    ("~\n", "1:1: the file is empty"),
    ("just text", "1:1: is a text or number; allowed: a mapping with these keys: apiVersion"),
    ("- a\n- b", "1:1: is a list"),
    ("{apiVersion: wasmatrix/v1, name: a}", "1:1: the required key \"modules\" is missing"),
    ("{apiVersion: wasmatrix/v1, name: a, modules: {}}", "1:46: modules: there is no module"),
    ("{apiVersion: wasmatrix/v1, name: a, modules: }", "1:46: modules: is empty"),
    ("{apiVersion: wasmatrix/v1, name: a, modules: {b: }}", "1:50: modules.b: is empty"),
    ("apiVersion: wasmatrix/v1\nname: [a", "2:9: not valid YAML: did not find expected ',' or ']'"),
    ("apiVersion: wasmatrix/v1\n\tname: a", "2:1: not valid YAML"),
    ("name: \"a\u{0}\"", "1:9: the character U+0000 cannot stand"),
    ("a: b\r\nname: \u{85}", "2:7: the character U+0085 cannot stand"),
  ])
  func `what is wrong with the whole file is told`(text: String, says: String) throws {
    let first = try #require(problems(of: text).first)
    #expect(first.hasPrefix("app.yaml:" + says), "\(first)")
  }

  @Test func `several documents are refused`() {
    let one = "{apiVersion: wasmatrix/v1, name: a, modules: {b: {version: 1}}}\n"
    #expect(problems(of: one) == [])
    #expect(
      problems(of: one + "---\n" + one)
        == ["app.yaml:2:1: a second document begins here; allowed: one document in a file"])
  }

  @Test func `other problems are told beside repeated keys, anchors and aliases`() {
    let text = manifest(
      "version: 1", "env: &e {A: 1, A: 2}", "limits: *e", "limits: {}", "limits: []", "bad: 1")
    #expect(
      problems(of: text).map { $0.prefix { $0 != ";" } } == [
        "app.yaml:6:10: modules.m.env: anchors (&name) are not supported",
        "app.yaml:6:20: modules.m.env.A: the key is there twice, first on line 6",
        "app.yaml:7:13: modules.m.limits: aliases (*name) are not supported: write the value out",
        "app.yaml:8:5: modules.m.limits: the key is there twice, first on line 7",
        "app.yaml:9:5: modules.m.limits: the key is there twice, first on line 7",
        "app.yaml:10:5: modules.m.bad: unknown key",
      ])
  }

  @Test func `too many modules, triggers, arguments and variables are refused`() {
    func many(_ count: Int, _ item: (Int) -> String) -> String {
      (0..<count).map(item).joined(separator: ", ")
    }
    let modules = many(1001) { "m\($0): {version: 1}" }
    #expect(
      problems(of: "{apiVersion: wasmatrix/v1, name: a, modules: {\(modules)}}").map {
        $0.drop { $0 != " " }
      } == [" modules: there are 1001 modules; allowed: 1 to 1000"])
    for (line, path) in [
      ("triggers: [\(many(101) { "{topic: t\($0)}" })]", "triggers[100]: there are 101"),
      ("args: [\(many(101) { "a\($0)" })]", "args[100]: there are 101"),
      ("env: {\(many(101) { "A\($0): b" })}", "env: there are 101 variables"),
    ] {
      let told = problems(of: manifest("version: 1", line))
      #expect(told.count == 1)
      #expect(told.first?.contains(" modules.m.\(path); allowed: at most 100") == true, "\(told)")
    }
  }

  @Test func `a value of 32 KiB fits and one more byte does not`() {
    let value = String(repeating: "x", count: 32 << 10)
    #expect(problems(of: manifest("version: 1", "env: {A: \(value)}")) == [])
    #expect(
      problems(of: manifest("version: 1", "env: {A: \(value)x}")).first?
        .contains("the text is 32769 bytes long") == true)
  }

  @Test func `offending text is cut and cannot play with the terminal`() throws {
    let long = String(repeating: "x", count: 1000)
    let told = try #require(
      problems(of: manifest("version: \"\\e[2J\u{202E}\\n\\x9b\(long)\"")).first)
    #expect(told.contains(#""\u{1B}[2J\u{202E}\n\u{009B}xxx"#))
    #expect(told.contains("xxx...\" is not a valid version"))
    #expect(told.utf8.count < 300)
  }

  @Test func `numbers at the ends of the ranges are allowed`() {
    let limits = [
      "{memory: 64KiB, cpu: 1ms, wall: 1000us, output: 0B, log: 0kB}",
      "{memory: 4GiB, cpu: 10m, wall: 1h, output: 256MiB, log: 16MiB}",
      "{memory: 1GB, cpu: 0.001s, wall: 0.5h, output: 1MB, log: 1kB}",
    ]
    for line in limits {
      #expect(problems(of: manifest("version: 1", "limits: \(line)")) == [])
    }
    #expect(
      problems(of: manifest("version: 1", "retry: {initial-delay: 1m, maximum-delay: 60s}")) == [])
  }

  @Test(arguments: ["a.wasm", "./a.wasm", "a/../b.wasm", "a//b.wasm", ".../x", "a b/c.wasm"])
  func `paths below the folder are taken as they are`(path: String) throws {
    let read = try ManifestReader.read(manifest("source: \"\(path)\""), file: "app.yaml")
    #expect(read.modules[0].code == .source(path: path, version: nil))
  }
}
