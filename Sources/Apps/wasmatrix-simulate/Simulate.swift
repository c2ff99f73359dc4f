import ArgumentParser
import ClusterSimulator
import Foundation

/// Runs the deciding code of whole clusters through everything that can go wrong, in virtual time.
@main
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wasmatrix-simulate",
    abstract: "Simulate whole clusters: the same decisions as the program's, in virtual time.",
    discussion: """
      Each seed draws a fleet, a workload, and how often everything goes wrong; after a while all is \
      healed, and the cluster must come to rest. A seed always gives the same run. With 200 seeds or \
      more it also fails when something never occurred that can.

      EXIT STATUS
        0   every seed came to rest, and nothing happened that may not
        1   a seed failed, an expectation was not met, or something was never covered
        2   the scenario cannot be run as it is written
        64  wrong usage

      EXAMPLE
        wasmatrix-simulate --seeds 200 --nodes 50
        wasmatrix-simulate --first 4711 --seeds 1 --history 200
        wasmatrix-simulate --scenario docs/scenarios/fail-over.json
      """)

  @Option(help: ArgumentHelp("How many seeds.", valueName: "n"))
  var seeds: UInt64 = 200

  @Option(help: ArgumentHelp("Nodes of each cluster.", valueName: "n"))
  var nodes = 50

  @Option(help: ArgumentHelp("The first seed.", valueName: "seed"))
  var first: UInt64 = 1

  @Option(help: ArgumentHelp("How many seeds run at the same time.", valueName: "n"))
  var jobs = 2

  @Option(
    help: ArgumentHelp(
      "Print the last so many lines of what happened, of every seed.", valueName: "lines"))
  var history: Int?

  @Option(
    help: ArgumentHelp(
      "Run a described scenario instead of seeds; see docs/SCENARIOS.md.", valueName: "file"))
  var scenario: String?

  @Flag(help: "Print every seed, not only those that failed.")
  var verbose = false

  /// From so many seeds on everything must have occurred.
  static let seedsForCoverage: UInt64 = 200

  func validate() throws {
    guard seeds >= 1, (4...5000).contains(nodes), (1...64).contains(jobs) else {
      throw ValidationError("--seeds from 1, --nodes from 4 to 5000, --jobs from 1 to 64")
    }
    guard first.addingReportingOverflow(seeds).overflow == false else {
      throw ValidationError("--first and --seeds together are too large")
    }
  }

  func run() throws {
    if let scenario { return try runScenario(scenario) }
    print("simulating seeds \(first) to \(first + seeds - 1), \(nodes) nodes each")
    let clock = ContinuousClock()
    let began = clock.now
    var report = SimulationReport()
    let outcomes = SeedPool(first: first, count: seeds, jobs: jobs) { seed in
      Simulation.run(SimulationConfiguration(seed: seed, nodes: nodes), isTraced: history != nil)
    }
    outcomes.run { outcome in
      report.add(outcome)
      show(outcome)
    }
    print(report.text(took: clock.now - began))
    let missing = seeds >= Self.seedsForCoverage ? report.coverage.missing : []
    for point in missing { print("never occurred: \(point)") }
    if report.failed > 0 || !missing.isEmpty { throw ExitCode.failure }
  }

  private func runScenario(_ path: String) throws {
    let outcome: Simulation.Outcome
    let name: String
    do {
      let scenario = try ScenarioFile.read(path)
      name = scenario.name
      outcome = try Simulation.run(scenario)
    } catch {
      FileHandle.standardError.write(
        Data("error: \(path): \(ScenarioFile.text(of: error))\nnext: see docs/SCENARIOS.md\n".utf8))
      throw ExitCode(2)
    }
    for line in outcome.history.suffix(history ?? 0) { print(line) }
    for failure in outcome.failures { print("FAILED: \(failure)") }
    print(
      "scenario \(name): \(outcome.failures.isEmpty ? "as expected" : "not as expected"), "
        + "\(outcome.happenings) happenings, fingerprint \(outcome.fingerprint)")
    if !outcome.failures.isEmpty { throw ExitCode.failure }
  }

  private func show(_ outcome: Simulation.Outcome) {
    let seed = outcome.configuration.seed
    if let history {
      print("seed \(seed): \(outcome.configuration)")
      for line in outcome.history.suffix(history) { print(line) }
    }
    if verbose || history != nil {
      print("seed \(seed): \(outcome.happenings) happenings, fingerprint \(outcome.fingerprint)")
    }
    guard !outcome.failures.isEmpty else { return }
    print("seed \(seed) FAILED: \(outcome.configuration)")
    for failure in outcome.failures { print("  \(failure)") }
    print("  again: wasmatrix-simulate --first \(seed) --seeds 1 --nodes \(nodes) --history 200")
  }
}
