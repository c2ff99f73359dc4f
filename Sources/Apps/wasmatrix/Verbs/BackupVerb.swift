import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import DataBackup

struct BackupVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy everything durable into a folder, while the server works.",
    discussion: """
      Modules and their versions, deployments, trusted keys, the audit log, events with their \
      deliveries and dead letters, and state, each as it was at one moment. Private keys are not in it. \
      Every file is compared with its digest; the folder gets its name when all of it is there.

      EXAMPLE
        wasmatrix backup backups/2026-11-26
        wasmatrix restore backups/2026-11-26 --data .wasmatrix-restored
      """)

  @Argument(help: ArgumentHelp("The folder to make.", valueName: "folder"))
  var folder: String

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let backup = try await server.withClient { client in
      ProgressPrinter.note("the server copies its data")
      let backup = try await client.makeBackup()
      do {
        try await fetch(backup, client)
      } catch {
        // The error that counts is the first; the server keeps the copy until the next one.
        try? await client.removeBackup(backup.id)
        throw error
      }
      try await client.removeBackup(backup.id)
      return backup
    }
    if output.json { return try ResultPrinter.printJSON(backup) }
    StandardOutput.write("\(folder): \(backup.files.count) files, \(backup.size)\n")
  }

  private func fetch(_ backup: BackupResource, _ client: APIClient) async throws {
    let receiver = try BackupReceiver(backup, to: folder)
    for file in backup.files {
      try await receiver.receive(file) { offset throws(Problem) in
        try await client.readBackup(backup.id, file: file.name, from: offset)
      }
      ProgressPrinter.step("\(file.name), \(ByteCount(bytes: file.sizeBytes))")
    }
    try receiver.finish()
  }
}

struct RestoreVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make a data folder of a backup, for a server to be started on.",
    discussion: """
      Every file is compared with its digest and every database checked before the data folder gets its \
      name. What was owed when the backup was made is delivered when the server starts.

      EXAMPLE
        wasmatrix restore backups/2026-11-26 --data .wasmatrix-restored
        wasmatrix dev app.yaml --data .wasmatrix-restored
      """)

  @Argument(help: ArgumentHelp("The folder of the backup.", valueName: "folder"))
  var backup: String

  @Option(
    help: ArgumentHelp("The data folder to make: empty, or not there yet.", valueName: "folder"))
  var data: String

  @OptionGroup var output: OutputOptions

  func run() throws {
    let contents = try BackupRestorer.restore(from: backup, to: data) { file in
      ProgressPrinter.step("\(file.name), \(ByteCount(bytes: file.sizeBytes))")
    }
    if output.json { return try ResultPrinter.printJSON(contents) }
    StandardOutput.write(
      "\(data): as of \(contents.madeAt); start a server on it with `wasmatrix dev --data \(data)`\n"
    )
  }
}
