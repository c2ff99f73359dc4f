import Glibc

/// The error numbers of WASI preview 1 that we answer with.
enum Errno: Int32 {
  case success = 0
  case access = 2
  case again = 6
  case badDescriptor = 8
  case busy = 10
  case quota = 19
  case exists = 20
  case fault = 21
  case fileTooBig = 22
  case illegalByteSequence = 25
  case interrupted = 27
  case invalid = 28
  case inputOutput = 29
  case isDirectory = 31
  case loop = 32
  case tooManyFiles = 33
  case tooManyLinks = 34
  case nameTooLong = 37
  case tooManyFilesInSystem = 41
  case noDevice = 43
  case noEntry = 44
  case noMemory = 48
  case noSpace = 51
  case notImplemented = 52
  case notDirectory = 54
  case notEmpty = 55
  case notSocket = 57
  case notSupported = 58
  case noSuchDevice = 60
  case overflow = 61
  case notPermitted = 63
  case brokenPipe = 64
  case readOnly = 69
  case illegalSeek = 70
  case stale = 72
  case textBusy = 74
  case crossDevice = 75
  case notCapable = 76

  /// The number for an `errno` of this machine; what a file may not end with is `io`.
  init(host code: Int32) {
    self = Self.numbers[code] ?? .inputOutput
  }

  private static let numbers: [Int32: Errno] = [
    EACCES: .access, EAGAIN: .again, EBADF: .badDescriptor, EBUSY: .busy, EDQUOT: .quota,
    EEXIST: .exists, EFBIG: .fileTooBig, EILSEQ: .illegalByteSequence, EINTR: .interrupted,
    EINVAL: .invalid, EIO: .inputOutput, EISDIR: .isDirectory, ELOOP: .loop,
    // What is used up is not the guest's own limit.
    EMFILE: .tooManyFilesInSystem, ENFILE: .tooManyFilesInSystem,
    EMLINK: .tooManyLinks, ENAMETOOLONG: .nameTooLong, ENODEV: .noDevice, ENOENT: .noEntry,
    ENOMEM: .noMemory, ENOSPC: .noSpace, ENOSYS: .notImplemented, ENOTDIR: .notDirectory,
    ENOTEMPTY: .notEmpty, EOPNOTSUPP: .notSupported, ENXIO: .noSuchDevice, EOVERFLOW: .overflow,
    EPERM: .notPermitted, EPIPE: .brokenPipe, EROFS: .readOnly, ESPIPE: .illegalSeek,
    ESTALE: .stale, ETXTBSY: .textBusy, EXDEV: .crossDevice,
  ]
}
