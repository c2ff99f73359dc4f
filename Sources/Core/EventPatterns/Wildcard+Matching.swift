import ClusterModel

extension EventPattern.Wildcard {
  /// Whether the whole text is as it says, in time that grows with the sum of both lengths: each piece is
  /// looked for where it comes first, and never looked for again.
  func matches(_ text: PatternText) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else {
      return pieces.first == text
    }
    let end = bytes.count - last.utf8.count
    guard bytes.starts(with: first.utf8), end >= first.utf8.count,
      bytes[end...].elementsEqual(last.utf8)
    else { return false }
    var rest = bytes[first.utf8.count..<end]
    for piece in pieces.dropFirst().dropLast() {
      guard let found = Self.end(of: Array(piece.utf8), in: rest) else { return false }
      rest = bytes[found..<end]
    }
    return true
  }

  /// Where the first occurrence of a piece, which is not empty, ends: the algorithm of Knuth, Morris and
  /// Pratt, which looks at no byte twice.
  private static func end(of piece: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    // For each count of bytes of the piece that fit: how many still do when the next does not.
    var shorter = [0, 0]
    var length = 0
    for byte in piece.dropFirst() {
      while length > 0, piece[length] != byte { length = shorter[length] }
      if piece[length] == byte { length += 1 }
      shorter.append(length)
    }
    var matched = 0
    for index in bytes.indices {
      while matched > 0, piece[matched] != bytes[index] { matched = shorter[matched] }
      if piece[matched] == bytes[index] { matched += 1 }
      if matched == piece.count { return index + 1 }
    }
    return nil
  }
}
