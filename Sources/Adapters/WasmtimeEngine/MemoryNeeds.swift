import ClusterModel

/// What the memories and tables of a module can hold, read from its sections: the library tells it of
/// exported ones only. Instances are held to their sum.
struct MemoryNeeds: Hashable {
  struct Memory: Hashable {
    /// Bytes.
    var minimum: Int
    /// Bytes; `nil` when the module declares none.
    var maximum: Int?
  }

  /// In the order of the module.
  private(set) var memories: [Memory] = []
  /// What all tables hold at their largest.
  private(set) var tableBytes = 0
  /// The memory that is exported as `memory`, whose size can be seen while the guest runs.
  private(set) var observed: Int?

  /// What the library needs for an element of a table.
  static let elementBytes = 8
  private static let pageBytes = 64 << 10

  init(memories: [Memory], tableBytes: Int = 0, observed: Int? = nil) {
    self.memories = memories
    self.tableBytes = tableBytes
    self.observed = observed
  }

  /// Slots of the pool that an instance takes.
  var slots: Int { max(memories.count, 1) }

  /// Reads a module that the library took as valid.
  ///
  /// - Throws: ``Problem`` `module_invalid` when its sections are none that we know.
  init(_ module: [UInt8]) throws(Problem) {
    guard let needs = Self.read(module) else {
      throw Problem(
        .invalidInput, code: "module_invalid", "the memories and tables of the module are unknown",
        next: "Build it without proposals that are not in WebAssembly 2.0.")
    }
    self = needs
  }

  private static func read(_ module: [UInt8]) -> MemoryNeeds? {
    var needs = MemoryNeeds(memories: [])
    var reader = BinaryReader(module[...])
    guard reader.skip(8) else { return nil }
    while !reader.isAtEnd {
      guard let section = reader.byte(), let size = reader.unsigned(),
        var content = reader.part(size)
      else { return nil }
      switch section {
      case 4: guard needs.readTables(&content) else { return nil }
      case 5: guard needs.readMemories(&content) else { return nil }
      case 7: guard needs.readExports(&content) else { return nil }
      case _: continue
      }
    }
    return needs
  }

  private mutating func readTables(_ reader: inout BinaryReader) -> Bool {
    guard let count = reader.unsigned(), count <= InstanceLimits.tables else { return false }
    for _ in 0..<count {
      // Only plain tables of functions get here: all else needs a heap, which is turned off.
      guard reader.byte() == 0x70, let bounds = reader.bounds() else { return false }
      let most = min(bounds.maximum ?? InstanceLimits.tableElements, InstanceLimits.tableElements)
      tableBytes += max(most, bounds.minimum) * Self.elementBytes
    }
    return true
  }

  private mutating func readMemories(_ reader: inout BinaryReader) -> Bool {
    guard let count = reader.unsigned(), count <= InstanceLimits.memories else { return false }
    for _ in 0..<count {
      guard let bounds = reader.bounds() else { return false }
      memories.append(
        Memory(
          minimum: bounds.minimum * Self.pageBytes,
          maximum: bounds.maximum.map { $0 * Self.pageBytes }))
    }
    return true
  }

  private mutating func readExports(_ reader: inout BinaryReader) -> Bool {
    guard let count = reader.unsigned() else { return false }
    for _ in 0..<count {
      guard let length = reader.unsigned(), let name = reader.part(length),
        let kind = reader.byte(), let index = reader.unsigned()
      else { return false }
      if kind == 2, name.bytes.elementsEqual("memory".utf8) { observed = index }
    }
    return true
  }

  /// The same of a module with one memory or none, as nearly all are; `nil` of any other.
  var single: SingleMemory? {
    guard memories.count <= 1 else { return nil }
    return SingleMemory(
      memory: memories.first ?? Memory(minimum: 0, maximum: 0), isObserved: observed == 0,
      tableBytes: tableBytes)
  }

  /// How an instance is held to `limit` bytes over all its memories and tables; `nil` when it would
  /// begin with more.
  func plan(within limit: ByteCount) -> MemoryPlan? {
    if let single { return single.plan(within: limit) }
    let available = limit.bytes - tableBytes
    guard available >= 0 else { return nil }
    let share = share(of: available)
    guard memories.allSatisfy({ $0.minimum <= share }) else { return nil }
    var unseen = tableBytes
    for (index, memory) in memories.enumerated() where index != observed {
      unseen += min(memory.maximum ?? share, share)
    }
    return MemoryPlan(share: share, unseen: unseen)
  }

  /// What each memory may have so that together they stay within `available`: what one cannot use, as it
  /// declares a maximum, is left to the others.
  private func share(of available: Int) -> Int {
    var left = available
    var count = memories.count
    for ceiling in memories.map({ $0.maximum ?? .max }).sorted() {
      guard ceiling <= left / count else { return left / count }
      left -= ceiling
      count -= 1
    }
    return available
  }
}

/// What one memory and the tables of a module can hold. It refers to nothing: workers that plan at the same time
/// would wait for each other to count references.
struct SingleMemory: Hashable {
  let memory: MemoryNeeds.Memory
  /// Whether its size can be seen while the guest runs.
  let isObserved: Bool
  let tableBytes: Int

  /// As ``MemoryNeeds/plan(within:)``.
  func plan(within limit: ByteCount) -> MemoryPlan? {
    let share = limit.bytes - tableBytes
    guard share >= 0, memory.minimum <= share else { return nil }
    let unseen = isObserved ? 0 : min(memory.maximum ?? share, share)
    return MemoryPlan(share: share, unseen: tableBytes + unseen)
  }
}

/// How one instance is held to its limit of memory.
struct MemoryPlan: Hashable {
  /// What each of its memories may hold at most.
  var share: Int
  /// What its tables, and memories whose size cannot be seen, hold at their largest.
  var unseen: Int
}

/// Reads the binary format of modules; everything is `nil` at the end.
struct BinaryReader {
  private(set) var bytes: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  var isAtEnd: Bool { bytes.isEmpty }

  mutating func byte() -> UInt8? { bytes.popFirst() }

  mutating func skip(_ count: Int) -> Bool { part(count) != nil }

  mutating func part(_ count: Int) -> BinaryReader? {
    guard count >= 0, count <= bytes.count else { return nil }
    defer { bytes = bytes.dropFirst(count) }
    return BinaryReader(bytes.prefix(count))
  }

  /// A number of 32 bits in the format's variable length.
  mutating func unsigned() -> Int? {
    var value = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      guard let byte = byte() else { return nil }
      value |= Int(byte & 0x7f) << shift
      if byte < 0x80 { return value <= Int(UInt32.max) ? value : nil }
    }
    return nil
  }

  /// The bounds of a memory or table of 32 bits that is not shared.
  mutating func bounds() -> (minimum: Int, maximum: Int?)? {
    guard let flags = byte(), flags <= 1, let minimum = unsigned() else { return nil }
    guard flags == 1 else { return (minimum, nil) }
    guard let maximum = unsigned() else { return nil }
    return (minimum, maximum)
  }
}
