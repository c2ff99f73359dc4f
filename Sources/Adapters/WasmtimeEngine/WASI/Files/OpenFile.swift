import CGuestFiles
import Glibc

/// A file of this machine that a guest has open: it owns the descriptor of this process. Nothing here
/// waits for anybody: what is no regular file is open without waiting, and says that it would.
final class OpenFile {
  /// What can be done with it.
  enum Shape { case regular, folder, stream }

  let number: Int32
  let type: FileType
  let shape: Shape
  /// The granted folder that it lies in; `nil` for the streams of this process.
  let tree: FolderTree?
  /// Names it in the books of a scratch folder.
  let inode: UInt64
  private let use: Use

  /// How a descriptor may be used.
  enum Use {
    /// It is ours alone: its flags are as we want them.
    case own
    /// Other processes have it open, too, and it would wait: we look before we read or write.
    case shared
  }

  /// Takes over a descriptor.
  ///
  /// - Throws: when it cannot be looked at; the descriptor is closed if it is ours.
  init(_ number: Int32, in tree: FolderTree?, use: Use = .own) throws(WASIError) {
    var status = stat()
    guard fstat(number, &status) == 0 else {
      let code = errno
      if use == .own { close(number) }
      throw WASIError(Errno(host: code))
    }
    self.number = number
    self.tree = tree
    self.use = use
    type = FileType(mode: status.st_mode)
    inode = UInt64(status.st_ino)
    shape =
      switch type {
      case .regularFile, .blockDevice: .regular
      case .folder: .folder
      case .unknown, .characterDevice, .datagramSocket, .streamSocket, .symbolicLink: .stream
      }
    tree?.scratch?.opened(self)
  }

  deinit {
    tree?.scratch?.closed(self)
    if use == .own { close(number) }
  }

  /// What can be done with a file of this kind.
  var possibleRights: Rights {
    switch shape {
    case .regular: .ofRegularFile
    case .folder: .ofFolder
    // `/dev/null` has a position, a terminal has none, and that is how programs tell them apart.
    case .stream: lseek(number, 0, SEEK_CUR) < 0 ? .ofStream : .ofStream.union([.seek, .tell])
    }
  }

  /// At most so many bytes are read or written in one call, so that none takes long.
  static let mostTransferred = 1 << 20

  /// Reads into `places`.
  ///
  /// - Parameter offset: where; `nil` for where the file stands.
  /// - Returns: `nil` when it would have to wait.
  func read(_ places: [iovec], at offset: Int?) throws(WASIError) -> Int? {
    if use == .shared, !isReady(POLLIN) { return nil }
    return try transfer {
      offset.map { preadv(number, places, Int32(places.count), $0) }
        ?? readv(number, places, Int32(places.count))
    }
  }

  /// Writes `pieces`; fewer bytes than there are when it takes no more.
  ///
  /// - Returns: `nil` when it would have to wait.
  func write(_ pieces: [iovec], at offset: Int?) throws(WASIError) -> Int? {
    if use == .shared { return try writeShared(pieces) }
    return try transfer {
      offset.map { pwritev(number, pieces, Int32(pieces.count), $0) }
        ?? writev(number, pieces, Int32(pieces.count))
    }
  }

  /// A pipe that has room at all has room for so much, as the kernel promises.
  private static let certainRoom = 4096

  private func writeShared(_ pieces: [iovec]) throws(WASIError) -> Int? {
    guard let piece = pieces.first(where: { $0.iov_len > 0 }) else { return 0 }
    if type == .streamSocket || type == .datagramSocket {
      return try transfer {
        send(number, piece.iov_base, piece.iov_len, Int32(MSG_DONTWAIT))
      }
    }
    guard isReady(POLLOUT) else { return nil }
    return try transfer {
      Glibc.write(number, piece.iov_base, min(piece.iov_len, Self.certainRoom))
    }
  }

  private func transfer(_ body: () -> Int) throws(WASIError) -> Int? {
    while true {
      let count = body()
      if count >= 0 { return count }
      switch errno {
      case EINTR: continue
      case EAGAIN: return nil
      case let code: throw WASIError(Errno(host: code))
      }
    }
  }

  /// Whether it can be read (`POLLIN`) or written (`POLLOUT`) now, or has come to its end.
  func isReady(_ event: Int32) -> Bool {
    guard shape == .stream else { return true }
    var waited = pollfd(fd: number, events: Int16(event), revents: 0)
    return poll(&waited, 1, 0) > 0
  }

  /// Whether nobody will ever write to it again.
  var isHungUp: Bool {
    guard shape == .stream else { return false }
    var waited = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    return poll(&waited, 1, 0) > 0 && Int32(waited.revents) & POLLIN == 0
  }

  /// Bytes that can be read at once, as far as that is known.
  var readableBytes: UInt64 {
    switch shape {
    case .folder: return 0
    case .stream: return UInt64(max(gf_readable_bytes(number), 0))
    case .regular:
      var status = stat()
      let position = lseek(number, 0, SEEK_CUR)
      guard position >= 0, fstat(number, &status) == 0 else { return 0 }
      return UInt64(max(Int(status.st_size) - Int(position), 0))
    }
  }
}

/// The kinds of files, as WASI preview 1 numbers them.
enum FileType: UInt8 {
  case unknown = 0
  case blockDevice = 1
  case characterDevice = 2
  case folder = 3
  case regularFile = 4
  case datagramSocket = 5
  case streamSocket = 6
  case symbolicLink = 7

  init(mode: mode_t) {
    self =
      switch mode & S_IFMT {
      case S_IFBLK: .blockDevice
      case S_IFCHR: .characterDevice
      case S_IFDIR: .folder
      case S_IFREG: .regularFile
      case S_IFSOCK: .streamSocket
      case S_IFLNK: .symbolicLink
      case _: .unknown
      }
  }

  /// The kind that an entry of a folder says; `nil` when it does not.
  init?(entry type: UInt8) {
    switch Int32(type) {
    case 1: self = .unknown  // A named pipe, for which there is no number.
    case 2: self = .characterDevice
    case 4: self = .folder
    case 6: self = .blockDevice
    case 8: self = .regularFile
    case 10: self = .symbolicLink
    case 12: self = .streamSocket
    case _: return nil
    }
  }
}
