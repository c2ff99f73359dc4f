import CProcessWatch
public import ClusterModel
import Glibc

/// A page of memory that the watched process and whoever watches it share.
///
/// `@unchecked Sendable`: the page is made to be shared, by processes and so by threads; what is not atomic
/// in it is written by one thread at a time (``WatchedProcess``).
public final class WatchPage: @unchecked Sendable {
  /// Leads other processes to the page; closed with this.
  public let descriptor: Int32
  let page: OpaquePointer

  /// In memory that only the descriptor leads to, which is not handed on to programs that are started.
  public convenience init() throws(Problem) {
    try self.init(taking: pw_make(nil), "a page of memory")
  }

  /// In a file that must not be there yet, for a process that is told its path.
  public convenience init(creatingAt path: String) throws(Problem) {
    try self.init(taking: pw_make(path), path)
  }

  /// The page that another process has made in a file.
  public convenience init(openingAt path: String) throws(Problem) {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    try self.init(taking: descriptor < 0 ? -errno : descriptor, path)
  }

  private init(taking descriptor: Int32, _ what: String) throws(Problem) {
    guard descriptor >= 0 else { throw Self.problem(what, -descriptor) }
    guard let page = pw_map(descriptor) else {
      let code = errno
      close(descriptor)
      throw Self.problem(what, code)
    }
    self.descriptor = descriptor
    self.page = page
  }

  deinit {
    pw_unmap(page)
    close(descriptor)
  }

  private static func problem(_ what: String, _ code: Int32) -> Problem {
    Problem(
      .unavailable, code: "watch_page", "\(what) cannot be shared to watch a process",
      cause: strerror(code).map { String(cString: $0) },
      next: "The end of the process is noticed when its connection closes, which may take longer.")
  }
}

/// A datagram that tells of the death of this process. It is made while the process lives.
public struct DeathNotice: Hashable, Sendable {
  var raw: pw_notice { makeRaw() }
  private let bytes: [UInt8]
  private let address: [UInt8]

  /// How many there may be at a time: one for each control plane.
  public static let most = Int(PW_MOST_NOTICES)

  /// - Parameters:
  ///   - bytes: the whole datagram.
  ///   - address: where it goes, as the system takes it (`sockaddr`).
  /// - Throws: ``InvalidValue`` when one of them is too long, or empty.
  public init(_ bytes: [UInt8], to address: [UInt8]) throws(InvalidValue) {
    guard (1...Int(PW_NOTICE_SIZE)).contains(bytes.count) else {
      throw InvalidValue(
        "death notice", "\(bytes.count) bytes", rule: "1 to \(PW_NOTICE_SIZE) bytes")
    }
    guard (2...Int(PW_ADDRESS_SIZE)).contains(address.count) else {
      throw InvalidValue("address", "\(address.count) bytes", rule: "2 to \(PW_ADDRESS_SIZE) bytes")
    }
    self.bytes = bytes
    self.address = address
  }

  private func makeRaw() -> pw_notice {
    var notice = pw_notice()
    notice.size = UInt32(bytes.count)
    notice.address_size = UInt32(address.count)
    withUnsafeMutableBytes(of: &notice.bytes) { $0.copyBytes(from: bytes) }
    withUnsafeMutableBytes(of: &notice.address) { $0.copyBytes(from: address) }
    return notice
  }
}
