import AccessControl
import ClusterModel
import LocalSystem

/// The first admin's token, in a file of the data folder: whoever owns the folder is an admin. Removed, it is
/// made anew, and the old one counts no more.
struct AdminToken: Sendable {
  static let name = TokenName(unchecked: "admin")

  let token: AccessToken
  let path: String
  /// Whether it was made just now.
  let isNew: Bool

  /// Blocks: for the start of a program.
  init(in dataFolder: String, for access: AccessControl) throws(Problem) {
    path = FilePath.join(dataFolder, "admin-token")
    if BoundedFile.exists(path) {
      let bytes = try BoundedFile.read(path, role: "admin token", limit: .kibibytes(4))
      let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
      do throws(Problem) { token = try AccessToken(String(text), for: .user) } catch {
        throw Problem(
          .invalidInput, code: "admin_token_damaged", "the file \(path) holds no admin token",
          next: "Remove it to get a new one.")
      }
      isNew = false
    } else {
      token = access.newToken(.user)
      // Before it counts: a token that nobody has is of no use.
      try AtomicFile.write(
        Array((token.text + "\n").utf8), to: path, mode: 0o600, existing: .refuse)
      isNew = true
    }
  }

  /// Sees to it that it counts. One that was revoked stays so, which is no reason to end the server.
  func admit(to access: AccessControl) async throws(Problem) {
    do throws(Problem) {
      try await access.ensure(token, named: Self.name, role: .admin)
    } catch {
      guard error.code == "token_revoked" else { throw error }
      return ProgressPrinter.note(
        "the admin token in \(path) was revoked; remove the file to get a new one")
    }
    if isNew { ProgressPrinter.note("admin token, also in \(path): \(token.text)") }
  }
}
