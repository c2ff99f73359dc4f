/// Makes lines of what a guest writes, in pieces of any size. A line that is too long is one complaint,
/// and its bytes are not kept.
struct LineReader {
  enum Line: Equatable {
    case complete([UInt8])
    case tooLong
  }

  private let maximumLength: Int
  private var partial: [UInt8] = []
  private var isSkipping = false

  init(maximumLength: Int) { self.maximumLength = maximumLength }

  /// Whether something was written that no newline has ended.
  var isWithinLine: Bool { isSkipping || !partial.isEmpty }

  /// The lines that `bytes` complete. Empty ones are none.
  mutating func read(_ bytes: UnsafeRawBufferPointer) -> [Line] {
    var lines: [Line] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(of: GuestLine.newline) {
      take(rest[..<end])
      rest = rest[(end + 1)...]
      if isSkipping {
        lines.append(.tooLong)
      } else if !partial.isEmpty {
        lines.append(.complete(partial))
      }
      partial = []
      isSkipping = false
    }
    take(rest)
    return lines
  }

  private mutating func take(_ bytes: Slice<UnsafeRawBufferPointer>) {
    guard !isSkipping else { return }
    guard partial.count + bytes.count < maximumLength else {
      isSkipping = true
      partial = []
      return
    }
    partial.append(contentsOf: bytes)
  }
}
