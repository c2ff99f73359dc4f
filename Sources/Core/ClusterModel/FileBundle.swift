/// Files that belong to a version of a module: they lie in a custom section of it, so that they are signed,
/// stored and moved with it.
///
/// The section is called `wasmatrix.files`. Each entry is the length of its path (4 bytes, little-endian),
/// the path, 0 for a folder or 1 for a file, the size (4 bytes), and the contents. Folders come before what
/// is in them.
public struct FileBundle: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    /// Relative: `data/prices.json`.
    public var path: String
    /// `nil` for a folder.
    public var contents: [UInt8]?

    public init(path: String, contents: [UInt8]?) {
      self.path = path
      self.contents = contents
    }
  }

  public let entries: [Entry]

  public static let sectionName = "wasmatrix.files"
  /// All contents together: they are held in memory while they are packed and unpacked.
  public static let maximumSize = ByteCount.mebibytes(32)
  public static let maximumEntries = 10_000
  public static let maximumPath = 1024

  /// - Throws: ``Problem`` `bundle_invalid`: a path leads elsewhere or is there twice, a folder is
  ///   missing, or there is too much.
  public init(_ entries: [Entry]) throws(Problem) {
    guard entries.count <= Self.maximumEntries else {
      throw Self.invalid("there are more than \(Self.maximumEntries) entries")
    }
    var folders: Set<String> = [""]
    var paths: Set<String> = []
    var size = 0
    for entry in entries {
      guard Self.isPath(entry.path) else {
        throw Self.invalid("\"\(entry.path.prefix(80))\" is no path of a file in a bundle")
      }
      guard paths.insert(entry.path).inserted else {
        throw Self.invalid("\"\(entry.path)\" is there twice")
      }
      let parent = entry.path.lastIndex(of: "/").map { String(entry.path[..<$0]) } ?? ""
      guard folders.contains(parent) else {
        throw Self.invalid("\"\(entry.path)\" comes before its folder")
      }
      if entry.contents == nil { folders.insert(entry.path) }
      size += entry.contents?.count ?? 0
      guard size <= Self.maximumSize.bytes else {
        throw Self.invalid("the files are larger than \(Self.maximumSize) together")
      }
    }
    self.entries = entries
  }

  private static func isPath(_ path: String) -> Bool {
    guard (1...maximumPath).contains(path.utf8.count),
      path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
    else { return false }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      (1...255).contains($0.utf8.count) && $0 != "." && $0 != ".."
    }
  }

  fileprivate static func invalid(_ message: String) -> Problem {
    Problem(
      .invalidInput, code: "bundle_invalid", "the files of the module cannot be used",
      cause: message, next: "Pack them anew with `wasmatrix pack`.")
  }
}

// In the module.
extension FileBundle {
  /// The module with these files in it. It is to have none yet.
  public func appended(to module: [UInt8]) -> [UInt8] {
    var section = Self.number(Self.sectionName.utf8.count) + Array(Self.sectionName.utf8)
    for entry in entries {
      section += Self.word(entry.path.utf8.count) + Array(entry.path.utf8)
      section.append(entry.contents == nil ? 0 : 1)
      section += Self.word(entry.contents?.count ?? 0) + (entry.contents ?? [])
    }
    return module + [0] + Self.number(section.count) + section
  }

  /// The files in a module; `nil` when it has none.
  ///
  /// - Throws: ``Problem`` `bundle_invalid` for a section that is damaged or there twice. What else
  ///   is wrong with the module is the compiler's business.
  public static func find(in module: [UInt8]) throws(Problem) -> FileBundle? {
    var reader = Reader(module.dropFirst(8))
    var found: FileBundle?
    while let id = reader.byte() {
      guard let size = reader.number(), let section = reader.bytes(size) else { break }
      guard id == 0 else { continue }
      var inner = Reader(section)
      guard let length = inner.number(), let name = inner.bytes(length) else { continue }
      guard name.elementsEqual(sectionName.utf8) else { continue }
      guard found == nil else { throw invalid("there are two sections of them") }
      found = try FileBundle(read(&inner))
    }
    return found
  }

  private static func read(_ reader: inout Reader) throws(Problem) -> [Entry] {
    var entries: [Entry] = []
    while !reader.isAtEnd {
      guard entries.count <= maximumEntries, let length = reader.word(),
        let bytes = reader.bytes(length), let path = String(validating: bytes, as: UTF8.self),
        let kind = reader.byte(), kind < 2, let size = reader.word(), kind == 1 || size == 0,
        let contents = reader.bytes(size)
      else { throw invalid("the section that holds them is damaged") }
      entries.append(Entry(path: path, contents: kind == 1 ? Array(contents) : nil))
    }
    return entries
  }

  /// As WebAssembly writes lengths (LEB128).
  private static func number(_ value: Int) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    repeat {
      bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    return bytes
  }

  private static func word(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}

/// Takes pieces from the front of bytes that may be anything.
private struct Reader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func byte() -> UInt8? { rest.popFirst() }

  mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  mutating func word() -> Int? {
    guard let bytes = bytes(4) else { return nil }
    return bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func number() -> Int? {
    var value = 0
    for shift in stride(from: 0, through: 28, by: 7) {
      guard let byte = byte() else { return nil }
      value |= Int(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }
}
