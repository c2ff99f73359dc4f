import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel
import ModuleTrust

struct DeployVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deploy",
    abstract: "Deploy an application from its manifest.",
    discussion: """
      Checks the manifest, pushes each module that has a source, and makes all of them ready; when \
      one cannot be, nothing changes. Modules must be signed by a key that the cluster trusts, or \
      are signed on the way with --key. A source without a version in the manifest is pushed as
      0.0.0-DIGEST.

      EXAMPLE
        wasmatrix deploy wasmatrix.yaml
        wasmatrix deploy wasmatrix.yaml --key keys/wasmatrix.key --json
      """)

  @Argument(help: ArgumentHelp("The manifest.", valueName: "app.yaml"))
  var manifest: String

  @Option(help: ArgumentHelp("Sign the sources with this secret key.", valueName: "file"))
  var key: String?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let application = try LocalApplication(manifestPath: manifest)
    var signer: ModuleSigner?
    if let key { signer = try KeyPairFile.read(key) }
    let sources = try application.sources(signedBy: signer, naming: .release)
    let deployments = try await server.withClient { client in
      try await ApplicationDeployer(client: client).deploy(application, sources)
    }
    try ResultPrinter.print(deployments, output) { DeploymentTable.table(of: deployments) }
  }
}
