import ClusterModel
import Foundation

/// The name of this machine as that of a node.
enum MachineName {
  /// - Throws: ``Problem`` `node_name_missing` when it is no name for a node.
  static func node() throws(Problem) -> NodeID {
    let name = ProcessInfo.processInfo.hostName.lowercased().prefix { $0 != "." }
    do throws(InvalidText) {
      return try NodeID(String(name))
    } catch {
      throw Problem(
        .invalidInput, code: "node_name_missing", "this machine's name is none for a node",
        cause: "\(error)", next: "Give one with --name.")
    }
  }
}
