import ArgumentParser

/// The program: every verb, and what its exit status means.
@main
struct Wasmatrix: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wasmatrix",
    abstract: "Signed WebAssembly modules that answer events.",
    discussion: """
      Start with a whole cluster on this machine:
        wasmatrix dev app.yaml

      Results go to standard output; errors, progress and logs to standard error. Verbs talk to \
      the server named by --server or WASMATRIX_SERVER (\(ServerOptions.defaultAddress)). \
      NO_COLOR turns colours off.

      EXIT STATUS
        0   it worked
        1   a module failed, a delivery went dead, a check failed, or time ran out
        2   the input is wrong: a manifest, a module, a file, an event
        3   there is no such thing
        4   refused: not signed by a trusted key, or not allowed
        5   it conflicts with what is there
        6   overloaded: try again later
        7   the server cannot be reached or is not ready
        64  wrong usage
        70  a fault of wasmatrix itself
      """,
    version: ProgramVersion.text,
    groupedSubcommands: [
      CommandGroup(name: "Develop", subcommands: [DevVerb.self]),
      CommandGroup(
        name: "Trust",
        subcommands: [
          KeygenVerb.self, SignVerb.self, TrustVerb.self, TokenVerb.self, AuditVerb.self,
        ]),
      CommandGroup(
        name: "Deploy",
        subcommands: [
          PackVerb.self, PushVerb.self, PlanVerb.self, DeployVerb.self, RollbackVerb.self,
          ScaleVerb.self,
          UndeployVerb.self,
        ]),
      CommandGroup(
        name: "Run",
        subcommands: [
          RunVerb.self, InvokeVerb.self, EmitVerb.self, EventsVerb.self, LogsVerb.self,
          StateVerb.self,
        ]),
      CommandGroup(
        name: "Look",
        subcommands: [
          ModulesVerb.self, NodesVerb.self, PlacementsVerb.self, DistributionVerb.self,
          ExplainVerb.self,
          DoctorVerb.self,
        ]),
      CommandGroup(
        name: "Operate",
        subcommands: [
          ControlVerb.self, AgentVerb.self, CordonVerb.self, UncordonVerb.self, DrainVerb.self,
          ForgetVerb.self, BackupVerb.self, RestoreVerb.self,
          ChaosVerb.self,
        ]),
    ])

  static func main() async {
    StandardOutput.ignoreBrokenPipes()
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      ProgramEnd.exit(after: error)
    }
  }
}
