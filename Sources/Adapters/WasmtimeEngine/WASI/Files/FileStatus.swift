import CGuestFiles
import Glibc

/// What is known of a file (`filestat`), and the times that are set.
struct FileStatus {
  static let size = 64
  private let status: stat

  /// Of an open file or a handle.
  init(of number: Int32) throws(WASIError) {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw WASIError(Errno(host: errno)) }
    self.status = status
  }

  /// Lays it out in 64 bytes.
  func store(in place: UnsafeMutableRawBufferPointer) {
    place.initializeMemory(as: UInt8.self, repeating: 0)
    place.storeBytes(of: UInt64(status.st_dev), toByteOffset: 0, as: UInt64.self)
    place.storeBytes(of: UInt64(status.st_ino), toByteOffset: 8, as: UInt64.self)
    place.storeBytes(of: FileType(mode: status.st_mode).rawValue, toByteOffset: 16, as: UInt8.self)
    place.storeBytes(of: UInt64(status.st_nlink), toByteOffset: 24, as: UInt64.self)
    place.storeBytes(of: UInt64(max(status.st_size, 0)), toByteOffset: 32, as: UInt64.self)
    for (offset, time) in [(40, status.st_atim), (48, status.st_mtim), (56, status.st_ctim)] {
      place.storeBytes(of: Self.nanoseconds(time), toByteOffset: offset, as: UInt64.self)
    }
  }

  /// Since 1970; what lies before it is 1970.
  private static func nanoseconds(_ time: timespec) -> UInt64 {
    let (seconds, overflow) = UInt64(max(time.tv_sec, 0)).multipliedReportingOverflow(
      by: 1_000_000_000)
    return overflow ? .max : seconds &+ UInt64(max(time.tv_nsec, 0))
  }

  /// Access and modification time as a guest sets them.
  ///
  /// - Parameter flags: `fstflags`: 1 and 4 for the given times, 2 and 8 for the present.
  /// - Throws: ``Errno/invalid`` when both are asked for, or something that does not exist.
  static func times(
    access: UInt64, modification: UInt64, flags: UInt32
  ) throws(WASIError) -> [timespec] {
    guard flags < 16 else { throw WASIError(.invalid) }
    return [
      try time(access, isGiven: flags & 1 != 0, isNow: flags & 2 != 0),
      try time(modification, isGiven: flags & 4 != 0, isNow: flags & 8 != 0),
    ]
  }

  private static func time(
    _ nanoseconds: UInt64, isGiven: Bool, isNow: Bool
  ) throws(WASIError) -> timespec {
    switch (isGiven, isNow) {
    case (true, true): throw WASIError(.invalid)
    case (false, true): timespec(tv_sec: 0, tv_nsec: gf_time_now())
    case (false, false): timespec(tv_sec: 0, tv_nsec: gf_time_omitted())
    case (true, false):
      timespec(
        tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
  }
}
