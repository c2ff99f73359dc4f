import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct PushVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push",
    abstract: "Put a signed module into the registry.",
    discussion: """
      A version never changes: pushing the same bytes again is fine, pushing others under the same \
      version is refused. FILE.wasm.sig is taken along when the module holds no signature itself.

      EXAMPLE
        wasmatrix push clean.wasm --name clean --version 1.2.0
        wasmatrix push clean.wasm --name clean --version 1.2.0 --signature clean.wasm.sig
      """)

  @Argument(help: ArgumentHelp("The module.", valueName: "file.wasm"))
  var file: String

  @Option(
    help: ArgumentHelp("The module's name.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @Option(
    help: ArgumentHelp("The version's label.", valueName: "v"),
    transform: { try checked($0) as ModuleVersion })
  var version: ModuleVersion

  @Option(help: ArgumentHelp("A detached signature.", valueName: "file.sig"))
  var signature: String?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let module = try ModuleFile(path: file, signaturePath: signature)
    let reference = VersionReference(module: name, version: version)
    let pushed = try await server.withClient {
      try await $0.push(
        module.bytes, as: reference, detachedSignature: module.detachedSignature)
    }
    if output.json { return try ResultPrinter.printJSON(pushed) }
    let verb = pushed.existed == true ? "was there already" : "pushed"
    StandardOutput.write("\(name)@\(version) \(verb) (\(pushed.digest))\n")
  }
}
