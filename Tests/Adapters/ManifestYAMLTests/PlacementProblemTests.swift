import ClusterModel
import ManifestYAML
import Testing

/// What is wrong under `placement` is told with its place.
@Suite struct PlacementProblemTests {
  private func problems(_ placement: String) -> [String] {
    let text = """
      apiVersion: wasmatrix/v1
      name: app
      modules: { m: { version: "1", placement: \(placement) } }
      """
    do throws(ManifestProblems) {
      _ = try ManifestReader.read(text, file: "f")
      return []
    } catch {
      return error.description.split(separator: "\n").map(String.init)
    }
  }

  @Test(arguments: [
    ("{ replicas: 1001 }", "is too large"), ("{ fallbacks: -1 }", "is too small"),
    ("{ isolation: maybe }", "not known; allowed: continue, stop"),
    ("{ architectures: [x86] }", "not known; allowed: x86_64"),
    ("{ architectures: [x86_64, x86_64] }", "it is there twice"),
    ("{ hardware: [\"G P U\"] }", "is not a valid name"), ("{ labels: [a] }", "is a list"),
    ("{ labels: { tier: \"\" } }", "not a valid label value"),
    ("{ memory: 1B }", "is too small"), ("{ origin: { latitude: 1, longitude: 2 } }", "\"zone\""),
    ("{ origin: { zone: z, latitude: 1 } }", "go together"),
    ("{ origin: { zone: z, latitude: 91, longitude: 0 } }", "is too large"),
    ("{ origin: { zone: z, latitude: nan, longitude: 0 } }", "is not a number"),
    ("{ maximum-latency: 2h }", "is too large"), ("{ weights: { latency: 0 } }", "no weight"),
    ("{ weights: { speed: 1 } }", "unknown key"), ("{ data-zones: [A] }", "not a valid zone"),
    ("3", "a mapping with these keys: replicas"),
  ])
  func `a mistake is told`(placement: String, expected: String) {
    let found = problems(placement)
    #expect(found.count == 1 && found.allSatisfy { $0.contains(expected) }, "\(found)")
  }

  @Test func `what is right is taken`() {
    #expect(
      problems("{ replicas: 0, fallbacks: 0, labels: { a.b: c }, weights: { latency: 0.5 } }") == []
    )
  }
}
