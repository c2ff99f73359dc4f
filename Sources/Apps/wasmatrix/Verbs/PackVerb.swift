import ArgumentParser
import ClusterModel
import Foundation
import LocalSystem

struct PackVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Put files into a module, for reading.",
    discussion: """
      The files go into a custom section of the module, so that they are signed and pushed with it: \
      pack first, then sign. A module finds them in a folder when its manifest grants it \
      `files: { bundle: {} }`.

      EXAMPLE
        wasmatrix pack quotes.wasm --files assets --out quotes-with-files.wasm
      """)

  @Argument(help: ArgumentHelp("The module.", valueName: "file.wasm"))
  var file: String

  @Option(help: ArgumentHelp("The folder whose files it gets.", valueName: "folder"))
  var files: String

  @Option(help: ArgumentHelp("Where the module with the files goes.", valueName: "file.wasm"))
  var out: String

  @OptionGroup var output: OutputOptions

  struct Answer: Encodable {
    var file: String
    var entries: Int
    var bytes: Int
  }

  func run() throws {
    let module = try ModuleFile(path: file)
    // That it is a module at all.
    _ = try module.digest()
    guard try FileBundle.find(in: module.bytes) == nil else {
      throw Problem(
        .conflict, code: "bundle_present", "\(file) has files already",
        next: "Pack the module as your compiler made it.")
    }
    let bundle = try FileBundle(try entries())
    let packed = bundle.appended(to: module.bytes)
    try AtomicFile.write(packed, to: out, mode: 0o644, existing: .replace)
    let answer = Answer(
      file: out, entries: bundle.entries.count,
      bytes: bundle.entries.reduce(0) { $0 + ($1.contents?.count ?? 0) })
    if output.json { return try ResultPrinter.printJSON(answer) }
    StandardOutput.write(
      "packed \(answer.entries) entries, \(answer.bytes) bytes, into \(answer.file)\n")
  }

  /// Sorted, so that the same files make the same module.
  private func entries() throws(Problem) -> [FileBundle.Entry] {
    guard let paths = try? FileManager.default.subpathsOfDirectory(atPath: files) else {
      throw Problem(
        .invalidInput, code: "folder_unusable", "the folder \(files) cannot be read",
        next: "Check the path.")
    }
    var entries: [FileBundle.Entry] = []
    for path in paths.sorted() {
      let whole = FilePath.join(files, path)
      // One that vanished meanwhile is of no known type.
      let type = (try? FileManager.default.attributesOfItem(atPath: whole))?[.type]
      switch type as? FileAttributeType {
      case .typeDirectory?: entries.append(FileBundle.Entry(path: path, contents: nil))
      case .typeRegular?:
        let contents = try BoundedFile.read(whole, role: "file", limit: FileBundle.maximumSize)
        entries.append(FileBundle.Entry(path: path, contents: contents))
      case _:
        throw Problem(
          .invalidInput, code: "file_unsuitable", "\(whole) is neither a file nor a folder",
          next: "Leave links and devices out of what is packed.")
      }
    }
    return entries
  }
}
