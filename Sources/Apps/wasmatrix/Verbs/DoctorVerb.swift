import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import HostPorts
import WasmtimeEngine

struct DoctorVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check this machine, and the server if one is running.",
    discussion: """
      Shows the services of the server and how often each was restarted, too; with --json also everything \
      that was read of the machine. Control groups and affinity count. Ends with status 0 when nothing failed, else 1. Warnings are no failures, and neither is a \
      server that is not running, unless --server names it. With --node only the services of the agent of that \
      node are shown.

      EXAMPLE
        wasmatrix doctor
        wasmatrix doctor --server http://127.0.0.1:9000 --json
        wasmatrix doctor --node press-7
      """)

  @Option(help: ArgumentHelp("The data folder to look at.", valueName: "dir"))
  var data = DataFolderChoice.name

  @Option(
    help: ArgumentHelp("Shows the services of this node's agent.", valueName: "node"),
    transform: { try checked($0) as NodeID })
  var node: NodeID?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  /// What is printed with --json.
  private struct Report: Encodable {
    var machine: MachineFacts
    var findings: [Finding]
    /// Missing without a server.
    var supervision: SupervisionResource?
  }

  func run() async throws {
    if let node { return try await show(node) }
    let machine = MachineFacts.read()
    var report = Report(
      machine: machine, findings: LocalDiagnosis(dataFolder: data).findings(of: machine))
    report.findings += await serverFindings()
    if report.findings.contains(where: { $0.subject == "server" && $0.detail == server.address }) {
      do {
        report.supervision = try await server.withClient { try await $0.supervision() }
      } catch {
        report.findings.append(
          Finding(
            subject: "server: services", verdict: .failure,
            detail: ProgramEnd.problem(of: error).message))
      }
    }
    try print(report)
    if report.findings.contains(where: { $0.verdict == .failure }) { throw ExitCode.failure }
  }

  private func show(_ node: NodeID) async throws {
    let tree = try await server.withClient { try await $0.supervision(of: node) }
    if output.json { return try ResultPrinter.printJSON(["supervision": tree]) }
    StandardOutput.write(SupervisionTable.table(of: tree).text)
  }

  private func print(_ report: Report) throws {
    guard !output.json else { return try ResultPrinter.printJSON(report) }
    var table = TextTable(.text("CHECK"), .text("VERDICT"), .text("DETAIL"))
    for finding in report.findings {
      table.add(finding.subject, finding.verdict.rawValue, finding.detail)
    }
    StandardOutput.write(table.text)
    if let tree = report.supervision {
      StandardOutput.write("\n" + SupervisionTable.table(of: tree).text)
    }
  }

  /// The server looks at some of the things that are looked at here.
  private func ofServer(_ finding: Finding) -> Finding {
    Finding(
      subject: "server: \(finding.subject)", verdict: finding.verdict, detail: finding.detail)
  }

  private func serverFindings() async -> [Finding] {
    do {
      let found = try await server.withClient { try await $0.doctor() }
      return [Finding(subject: "server", verdict: .ok, detail: server.address)]
        + found.map(ofServer)
    } catch {
      let problem = ProgramEnd.problem(of: error)
      if !server.isNamed, problem.code == "server_unreachable" {
        return [
          Finding(subject: "server", verdict: .ok, detail: "none is running at \(server.address)")
        ]
      }
      return [Finding(subject: "server", verdict: .failure, detail: problem.message)]
    }
  }
}
