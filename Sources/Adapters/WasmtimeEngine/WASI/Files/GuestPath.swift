import Glibc

/// A path that a guest passes: bytes that a system call can take. Pure.
struct GuestPath {
  /// Without a final zero.
  let bytes: [UInt8]

  /// - Throws: ``Errno`` `nameTooLong`, `illegalByteSequence` for what is not UTF-8, `invalid` for a
  ///   zero byte.
  init(_ bytes: UnsafeRawBufferPointer) throws(WASIError) {
    guard bytes.count < Int(PATH_MAX) else { throw WASIError(.nameTooLong) }
    let copy = Array(bytes)
    guard !copy.contains(0) else { throw WASIError(.invalid) }
    guard String(validating: copy, as: UTF8.self) != nil else {
      throw WASIError(.illegalByteSequence)
    }
    self.bytes = copy
  }

  private init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  private static let slash = UInt8(ascii: "/")

  var isAbsolute: Bool { bytes.first == Self.slash }
  var endsWithSlash: Bool { bytes.last == Self.slash }

  /// The folder that the last part stands in, and that part with the slashes behind it; `nil` for
  /// paths that name no entry of a folder: `.`, `a/..`, nothing at all.
  var split: (folder: GuestPath, name: GuestPath)? {
    guard let end = bytes.lastIndex(where: { $0 != Self.slash }) else { return nil }
    let start = bytes[...end].lastIndex(of: Self.slash).map { $0 + 1 } ?? 0
    let name = bytes[start...end]
    guard !name.elementsEqual([UInt8(ascii: ".")]), !name.elementsEqual("..".utf8) else {
      return nil
    }
    let folder = start == 0 ? [UInt8(ascii: ".")] : Array(bytes[..<start])
    return (GuestPath(folder), GuestPath(bytes[start...]))
  }

  func withCString<Result, Failure: Error>(
    _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let text = bytes.map { CChar(bitPattern: $0) } + [0]
    return try text.withUnsafeBufferPointer { (text) throws(Failure) in
      // There is the final zero at least.
      try body(text.baseAddress!)
    }
  }

  /// For messages.
  var text: String { String(decoding: bytes, as: UTF8.self) }
}
