import ClusterModel
import ControlAPIClient
import LocalSystem
import ModuleTrust

/// Keeps a running cluster like an application's files: deploys it, and again when the manifest or
/// a source changes. What cannot be deployed is reported, and what ran goes on running.
struct LiveReload {
  let manifestPath: String
  let client: APIClient
  let signer: ModuleSigner
  /// Told after each deployment which modules there are.
  let deployed: @Sendable ([ModuleName]) -> Void

  /// With the poll in which a change comes to rest this leaves half of the second, that a change
  /// may take to be live, for compiling.
  static let pollInterval = Duration.milliseconds(200)

  /// Runs until its task is cancelled.
  func run() async {
    var watch = FileWatch([manifestPath])
    await deploy(&watch)
    // Sleeping ends early only when the task is cancelled, which the loop looks at itself.
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.pollInterval)
      if watch.poll() { await deploy(&watch) }
    }
  }

  private func deploy(_ watch: inout FileWatch) async {
    do {
      let application = try LocalApplication(manifestPath: manifestPath)
      // From before the sources are read, so that no change of them is missed.
      watch.follow([manifestPath] + application.sourcePaths)
      let sources = try application.sources(signedBy: signer, naming: .development)
      _ = try await ApplicationDeployer(client: client).deploy(application, sources)
      deployed(application.manifest.modules.map(\.name))
    } catch {
      // The program is stopping: whatever failed, it failed because of that.
      guard !Task.isCancelled else { return }
      ErrorPrinter.print(ProgramEnd.problem(of: error))
      ProgressPrinter.note("waiting for the files to change")
    }
  }
}
