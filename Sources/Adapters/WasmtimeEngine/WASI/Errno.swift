/// The error numbers of WASI preview 1 that we answer with.
enum Errno: Int32 {
  case success = 0
  case badDescriptor = 8
  case fault = 21
  case invalid = 28
  case notImplemented = 52
  case notDirectory = 54
  case notSocket = 57
  case overflow = 61
  case illegalSeek = 70
  case notCapable = 76
}
