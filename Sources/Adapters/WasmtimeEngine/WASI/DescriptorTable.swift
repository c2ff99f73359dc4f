/// What a guest's descriptor stands for, and what may be done with it.
struct Descriptor {
  enum Kind: UInt8 {
    /// The event's data, in memory.
    case input
    /// Standard output and standard error, gathered in memory.
    case output, log
    /// The way to the platform.
    case host
    /// A file of this machine.
    case file
    /// A scratch folder that nobody has used yet.
    case scratch
  }

  var kind: Kind
  /// Given with ``Kind/file``.
  var file: OpenFile?
  var rights: Rights
  /// The most that files opened through it may have.
  var inheriting: Rights = []
  var flags: DescriptorFlags = []
  /// The path under which a guest finds a granted folder; `nil` for all others.
  var grantedPath: [UInt8]?
  /// Given with ``Kind/scratch``.
  var scratch: ScratchFolder?
  /// Whether it was there when the guest began, so that it counts against nothing.
  var isGiven = false
}

/// The descriptors of one instance, by number.
struct DescriptorTable {
  /// What calls that are made often look at. Apart from the rest, because whoever reads it there counts
  /// references.
  fileprivate struct Head {
    var kind: Descriptor.Kind
    var rights: Rights
  }

  private var entries: [Descriptor?]
  private var heads: [Head?]
  /// How many files the guest has opened itself and not closed.
  private var opened = 0
  private let mostOpened: Int
  /// The streams keep their numbers to themselves: programs know them.
  private static let firstFree = 3

  /// What a guest finds open.
  struct Given {
    fileprivate let entries: [Descriptor?]
    fileprivate let heads: [Head?]

    init(_ entries: [Descriptor?]) {
      self.entries = entries
      heads = entries.map { $0.map { Head(kind: $0.kind, rights: $0.rights) } }
    }
  }

  /// - Parameter mostOpened: files that the guest may have open at a time beside `given`.
  init(_ given: Given, mostOpened: Int) {
    entries = given.entries
    heads = given.heads
    self.mostOpened = mostOpened
  }

  /// What a descriptor is, for calls that are made often.
  @inline(__always)
  func kind(_ number: UInt32) throws(WASIError) -> (kind: Descriptor.Kind, rights: Rights) {
    guard number < UInt32(heads.count), let head = heads[Int(number)] else {
      throw WASIError(.badDescriptor)
    }
    return (head.kind, head.rights)
  }

  subscript(number: UInt32) -> Descriptor {
    get throws(WASIError) {
      guard number < UInt32(entries.count), let entry = entries[Int(number)] else {
        throw WASIError(.badDescriptor)
      }
      return entry
    }
  }

  /// Replaces what an open descriptor stands for.
  mutating func replace(_ number: UInt32, by entry: Descriptor) throws(WASIError) {
    _ = try self[number]
    set(Int(number), entry)
  }

  /// - Throws: ``Errno/tooManyFiles`` when the guest has as many open as it may.
  func checkRoom() throws(WASIError) {
    guard opened < mostOpened else { throw WASIError(.tooManyFiles) }
  }

  /// Gives an opened file the lowest number that is free. There must be room.
  mutating func add(_ entry: Descriptor) -> UInt32 {
    opened += 1
    let free = entries.indices.dropFirst(Self.firstFree).first { entries[$0] == nil }
    let number = free ?? entries.count
    if free == nil {
      entries.append(nil)
      heads.append(nil)
    }
    set(number, entry)
    return UInt32(number)
  }

  mutating func close(_ number: UInt32) throws(WASIError) {
    if !(try self[number].isGiven) { opened -= 1 }
    set(Int(number), nil)
  }

  /// Moves what `from` stands for to `to`, which is closed.
  mutating func move(_ from: UInt32, to: UInt32) throws(WASIError) {
    let moved = try self[from]
    _ = try self[to]
    guard from != to else { return }
    try close(to)
    set(Int(to), moved)
    set(Int(from), nil)
  }

  /// Closes everything.
  mutating func closeAll() {
    entries = []
    heads = []
  }

  private mutating func set(_ number: Int, _ entry: Descriptor?) {
    entries[number] = entry
    heads[number] = entry.map { Head(kind: $0.kind, rights: $0.rights) }
  }
}
