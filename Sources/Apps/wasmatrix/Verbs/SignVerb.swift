import ArgumentParser
import ClusterModel
import LocalSystem
import ModuleTrust

struct SignVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Sign a module.",
    discussion: """
      Without --detached the signature goes into the module itself, in the signature section of \
      the WebAssembly tool-conventions; the file is replaced in one step. With --detached the \
      module is left as it is and FILE.wasm.sig is written.

      EXAMPLE
        wasmatrix sign clean.wasm --key keys/wasmatrix.key
        wasmatrix sign clean.wasm --key keys/wasmatrix.key --detached
      """)

  @Argument(help: ArgumentHelp("The module.", valueName: "file.wasm"))
  var file: String

  @Option(help: ArgumentHelp("The secret key, as keygen wrote it.", valueName: "file"))
  var key: String

  @Flag(help: "Write the signature to a file of its own.")
  var detached = false

  @Option(
    help: ArgumentHelp(
      "Where to write: the signed module (default: FILE.wasm), or with --detached the signature "
        + "(default: FILE.wasm.sig).", valueName: "file"))
  var out: String?

  @OptionGroup var output: OutputOptions

  struct Answer: Encodable {
    var file: String
    var keyID: String
    var digest: String
  }

  func run() async throws {
    let signer = try KeyPairFile.read(key)
    var module = try ModuleFile(path: file)
    let target: String
    if detached {
      target = out ?? ModuleFile.signaturePath(of: file)
      let signature = try module.detachedSignature(by: signer)
      try AtomicFile.write(signature, to: target, mode: 0o644, existing: .replace)
    } else {
      target = out ?? file
      try module.sign(with: signer)
      try AtomicFile.write(module.bytes, to: target, mode: 0o644, existing: .replace)
    }
    let answer = Answer(
      file: target, keyID: signer.publicKey.id.text, digest: try module.digest().text)
    if output.json { return try ResultPrinter.printJSON(answer) }
    StandardOutput.write("signed \(target) (\(answer.digest)) with key \(answer.keyID)\n")
  }
}
