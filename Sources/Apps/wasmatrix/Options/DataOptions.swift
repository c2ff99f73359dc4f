import ArgumentParser
import ClusterModel
import LocalSystem

/// The data of an event or invocation.
struct DataOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The data: a text, @FILE for what a file holds, - for standard input. Nothing if not given.",
      valueName: "text|@file|-"))
  var data: String?

  @Option(help: ArgumentHelp("The data's media type.", valueName: "type"))
  var contentType: String?

  /// - Throws: ``Problem`` when the file cannot be read or is larger than an event may be.
  func read() throws(Problem) -> [UInt8] {
    guard let data else { return [] }
    let limit = EventRules.maximumData
    if data == "-" { return try BoundedFile.readStandardInput(role: "data", limit: limit) }
    if data.hasPrefix("@") {
      return try BoundedFile.read(String(data.dropFirst()), role: "data file", limit: limit)
    }
    return Array(data.utf8)
  }
}
