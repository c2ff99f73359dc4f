import Glibc

/// How many files and connections the process may have open.
enum OpenFileLimit {
  /// Raises the soft limit to the hard one: connections, stores and compiled modules need more than
  /// the usual soft 1024.
  static func raise() {
    var limit = read()
    limit.rlim_cur = limit.rlim_max
    // Where this is refused the old limit stays, which `doctor` shows.
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  static func read() -> rlimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return limit
  }
}
