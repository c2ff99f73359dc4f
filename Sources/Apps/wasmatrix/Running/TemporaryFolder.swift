import ClusterModel
import Foundation
import Glibc
import LocalSystem

/// A folder that a run has for itself, in the place for such folders.
struct TemporaryFolder: Sendable {
  let path: String

  /// - Throws: ``Problem`` `folder_unusable`.
  init() throws(Problem) {
    let place = Environment.value("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = (place + "/wasmatrix-run.XXXXXX").utf8CString.map { $0 }
    guard mkdtemp(&template) != nil else {
      throw Problem(
        .invalidInput, code: "folder_unusable", "no folder can be made in \(place)",
        cause: SystemError.text(errno), next: "Set TMPDIR to a folder that can be written.")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes it with all that is in it; a failure leaves that to whoever cleans the place up.
  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
