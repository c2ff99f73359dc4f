public import ClusterModel
import GRDB
import Glibc

/// The one place that says what an error of the database or the disk means to the user.
public enum StorageProblem {
  /// - Parameter file: what was being used, for the message.
  public static func from(_ error: any Error, file: String) -> Problem {
    switch error {
    case let problem as Problem: problem
    case let error as DatabaseError: from(error, file)
    // What was written by us does not read back: the file is not as we left it.
    case is RowDecodingError, is DecodingError, is InvalidText:
      corrupt(file, String(describing: error))
    case _:
      Problem(
        .internalFault, code: "data_failed", "\(file) could not be used",
        cause: String(describing: error), next: look)
    }
  }

  /// What a system call said.
  public static func from(errno number: Int32, doing: String, file: String) -> Problem {
    let cause = "\(doing): \(String(cString: strerror(number)))"
    switch number {
    case ENOSPC, EDQUOT: return diskFull(file, cause)
    case EROFS, EACCES, EPERM:
      return Problem(
        .unavailable, code: "data_read_only", "\(file) cannot be used", cause: cause,
        next: "Check the owner and the permissions of the folder.")
    case _:
      return Problem(
        .internalFault, code: "data_failed", "\(file) could not be used", cause: cause, next: look)
    }
  }

  /// What is on the disk is not what was written there.
  public static func corrupt(_ file: String, _ cause: String) -> Problem {
    Problem(
      .internalFault, code: "data_corrupt", "\(file) is damaged", cause: cause,
      next: "Stop the program and restore the data folder from a backup.")
  }

  /// The refusal of data that a later release wrote.
  static func newer(_ file: String, found: Int, known: Int) -> Problem {
    Problem(
      .conflict, code: "data_newer",
      "\(file) has format \(found), and this release knows formats up to \(known)",
      next: "Use the release that wrote it, or a newer one.")
  }

  /// Whoever asks came too late.
  public static func closed(_ file: String) -> Problem {
    Problem(
      .unavailable, code: "store_closed", "\(file) is closed",
      next: "The program is stopping: try again when it is back.")
  }

  /// More waits for the disk than there is room for.
  public static func busy() -> Problem {
    Problem(
      .overloaded, code: "store_busy", "too many changes wait for the disk",
      next: "Try again in a moment.")
  }

  private static func from(_ error: DatabaseError, _ file: String) -> Problem {
    let cause = error.message ?? "SQLite result \(error.extendedResultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_FULL: return diskFull(file, cause)
    // The index of the journal could not be made longer: that, too, wants room on the disk.
    case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE:
      return diskFull(file, cause)
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
      return Problem(
        .unavailable, code: "data_read_only", "\(file) cannot be written", cause: cause,
        next: "Make the folder and the disk writable; requests work again from then on.")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return corrupt(file, cause)
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return Problem(
        .overloaded, code: "data_busy", "\(file) is used by another program", cause: cause,
        next: "Close the other program, then try again.")
    case .SQLITE_CANTOPEN:
      return Problem(
        .unavailable, code: "data_unavailable", "\(file) cannot be opened", cause: cause,
        next: look)
    case _:
      return Problem(
        .internalFault, code: "data_failed", "\(file) could not be used", cause: cause, next: look)
    }
  }

  private static let look = "Look at the disk and the data folder with `wasmatrix doctor`."

  private static func diskFull(_ file: String, _ cause: String) -> Problem {
    Problem(
      .unavailable, code: "disk_full", "there is no room on the disk for \(file)", cause: cause,
      next: "Make room; requests work again from then on. Nothing acknowledged was lost.")
  }
}
