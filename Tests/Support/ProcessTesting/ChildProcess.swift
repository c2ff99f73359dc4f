import Foundation
import Glibc

/// A child process that a system call waits for. (`Process.waitUntilExit` hears of the end on one of the few
/// threads that all tests share: when all of these wait in it, they wait for ever.)
public enum ChildProcess {
  public struct Ended: Sendable {
    /// As the shell says it: 127 when there is no such program.
    public let status: Int32
    public let output: String
  }

  /// Runs a program to its end. Blocks.
  ///
  /// - Parameters:
  ///   - arguments: the program, looked for in `PATH`, and what it is given.
  ///   - input: of its standard input.
  public static func run(_ arguments: [String], input: [UInt8] = []) throws -> Ended {
    let file = ScratchFolder.path("input")
    try Data(input).write(to: URL(fileURLWithPath: file))
    defer { unlink(file) }
    let command = (arguments.map(quoted) + ["<", quoted(file)]).joined(separator: " ")
    guard let pipe = popen(command, "r") else { throw CocoaError(.executableLoad) }
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&piece, 1, piece.count, pipe)
      guard count > 0 else { break }
      output += piece[..<count]
    }
    let status = pclose(pipe)
    return Ended(
      status: status & 0x7f == 0 ? (status >> 8) & 0xff : -1,
      output: String(decoding: output, as: UTF8.self))
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: "'\\''") + "'"
  }
}
