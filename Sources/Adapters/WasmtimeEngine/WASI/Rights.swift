/// The rights of a descriptor, as WASI preview 1 numbers them.
struct Rights: OptionSet, Hashable {
  let rawValue: UInt64

  static let datasync = Rights(bit: 0)
  static let read = Rights(bit: 1)
  static let seek = Rights(bit: 2)
  static let setFlags = Rights(bit: 3)
  static let sync = Rights(bit: 4)
  static let tell = Rights(bit: 5)
  static let write = Rights(bit: 6)
  static let advise = Rights(bit: 7)
  static let allocate = Rights(bit: 8)
  static let createFolder = Rights(bit: 9)
  static let createFile = Rights(bit: 10)
  static let linkSource = Rights(bit: 11)
  static let linkTarget = Rights(bit: 12)
  static let open = Rights(bit: 13)
  static let readFolder = Rights(bit: 14)
  static let readLink = Rights(bit: 15)
  static let renameSource = Rights(bit: 16)
  static let renameTarget = Rights(bit: 17)
  static let pathStatus = Rights(bit: 18)
  static let pathSetSize = Rights(bit: 19)
  static let pathSetTimes = Rights(bit: 20)
  static let status = Rights(bit: 21)
  static let setSize = Rights(bit: 22)
  static let setTimes = Rights(bit: 23)
  static let symlink = Rights(bit: 24)
  static let removeFolder = Rights(bit: 25)
  static let unlinkFile = Rights(bit: 26)
  static let poll = Rights(bit: 27)

  init(rawValue: UInt64) { self.rawValue = rawValue }
  private init(bit: UInt64) { rawValue = 1 << bit }

  /// What can be done with each kind of file.
  static let ofFolder: Rights = [
    .createFolder, .createFile, .linkSource, .linkTarget, .open, .readFolder, .readLink,
    .renameSource, .renameTarget, .pathStatus, .pathSetSize, .pathSetTimes, .status, .setTimes,
    .setFlags, .sync, .datasync, .symlink, .removeFolder, .unlinkFile,
  ]
  static let ofRegularFile: Rights = [
    .datasync, .read, .seek, .setFlags, .sync, .tell, .write, .advise, .allocate, .status,
    .setSize, .setTimes, .poll,
  ]
  static let ofStream: Rights = [.read, .write, .setFlags, .status, .poll]

  /// What would change something in a folder that is granted for reading alone.
  static let changing: Rights = [
    .write, .allocate, .createFolder, .createFile, .linkSource, .linkTarget, .renameSource,
    .renameTarget, .pathSetSize, .pathSetTimes, .setSize, .setTimes, .symlink, .removeFolder,
    .unlinkFile,
  ]
  /// What a file must be opened for writing for.
  static let writing: Rights = [.write, .allocate, .setSize]
}

/// How a descriptor behaves (`fdflags`).
struct DescriptorFlags: OptionSet, Hashable {
  let rawValue: UInt16
  static let append = DescriptorFlags(rawValue: 1)
  static let dataSync = DescriptorFlags(rawValue: 2)
  static let nonBlocking = DescriptorFlags(rawValue: 4)
  static let readSync = DescriptorFlags(rawValue: 8)
  static let sync = DescriptorFlags(rawValue: 16)

  static let synchronous: DescriptorFlags = [.dataSync, .readSync, .sync]
  static let all: DescriptorFlags = [.append, .dataSync, .nonBlocking, .readSync, .sync]
}
