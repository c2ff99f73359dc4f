import ClusterModel
import Crypto
import DurableSQLite
import Foundation
import Glibc

/// Files, read and written piece by piece with their digest. Every call blocks.
struct FileCopy: ~Copyable {
  private let path: String
  private let descriptor: Int32
  private var hash = SHA256()
  private(set) var size = 0

  /// Read and written at a time.
  static let piece = 1 << 20

  /// A new file, for nobody but the owner.
  init(to path: String) throws(Problem) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: path)
    }
  }

  deinit { close(descriptor) }

  mutating func write(_ bytes: [UInt8]) throws(Problem) {
    hash.update(data: bytes)
    size += bytes.count
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw StorageProblem.from(errno: errno, doing: "write", file: path)
      }
      offset += count
    }
  }

  /// Makes it durable.
  ///
  /// - Returns: the digest of what was written, in hexadecimal.
  consuming func finish() throws(Problem) -> String {
    while fsync(descriptor) != 0 {
      guard errno == EINTR else {
        throw StorageProblem.from(errno: errno, doing: "fsync", file: path)
      }
    }
    return hash.finalize().hexadecimal
  }

  /// Calls `body` with all of a file, piece by piece.
  ///
  /// - Returns: its digest and its size.
  @discardableResult
  static func read(
    _ path: String, _ body: ([UInt8]) throws(Problem) -> Void = { _ in }
  ) throws(Problem) -> (sha256: String, size: Int) {
    var hash = SHA256()
    var size = 0
    while true {
      let bytes = try read(path, from: size, atMost: piece)
      guard !bytes.isEmpty else { return (hash.finalize().hexadecimal, size) }
      hash.update(data: bytes)
      size += bytes.count
      try body(bytes)
    }
  }

  /// Bytes of a file, from an offset on.
  static func read(_ path: String, from offset: Int, atMost count: Int) throws(Problem) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw StorageProblem.from(errno: errno, doing: "open", file: path)
    }
    defer { close(descriptor) }
    var failure: Int32?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < buffer.count {
        let read = pread(
          descriptor, buffer.baseAddress! + filled, buffer.count - filled, offset + filled)
        if read < 0, errno == EINTR { continue }
        if read < 0 { failure = errno }
        guard read > 0 else { return }
        filled += read
      }
    }
    if let failure { throw StorageProblem.from(errno: failure, doing: "read", file: path) }
    return bytes
  }
}

extension SHA256.Digest {
  fileprivate var hexadecimal: String { Hexadecimal.encode(Array(self)) }
}
