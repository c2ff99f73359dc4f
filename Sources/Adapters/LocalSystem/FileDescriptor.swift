import Glibc

/// Calls on open files that go on where the system stops halfway.
public enum FileDescriptor {
  /// Writes all bytes; answers 0, or the `errno` that stopped it.
  public static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
      }
      if count > 0 {
        written += count
      } else if count < 0, errno == EAGAIN {
        // The descriptor is shared with a program that made it non-blocking.
        var waited = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&waited, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}
