import ArgumentParser
import ClusterModel
import LocalSystem
import ModuleTrust

struct KeygenVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen",
    abstract: "Make a key pair to sign modules with.",
    discussion: """
      Writes DIR/wasmatrix.key (secret, readable by you alone) and DIR/wasmatrix.pub (to be given \
      to clusters). Files that are there are never overwritten.

      EXAMPLE
        wasmatrix keygen --out keys
        wasmatrix trust add keys/wasmatrix.pub --label alice
      """)

  @Option(help: ArgumentHelp("The folder to write to; made if it is missing.", valueName: "dir"))
  var out: String

  @OptionGroup var output: OutputOptions

  struct Answer: Encodable {
    var keyID: String
    var secretKey: String
    var publicKey: String
  }

  func run() async throws {
    let secretPath = FilePath.join(out, "wasmatrix.key")
    let publicPath = FilePath.join(out, "wasmatrix.pub")
    try Folder.make(out)
    try AtomicFile.refuseExisting(publicPath)
    let publicKey = try KeyPairFile.generate(secretPath).publicKey
    try AtomicFile.write(publicKey.bytes, to: publicPath, mode: 0o644, existing: .refuse)
    let answer = Answer(
      keyID: publicKey.id.text, secretKey: secretPath, publicKey: publicPath)
    if output.json { return try ResultPrinter.printJSON(answer) }
    StandardOutput.write(
      """
      key id      \(answer.keyID)
      secret key  \(answer.secretKey)   (keep it to yourself)
      public key  \(answer.publicKey)

      """)
    ProgressPrinter.note("next: wasmatrix trust add \(answer.publicKey)")
  }
}
