/// Where a guest finds a folder: an absolute path as it sees it.
public struct GuestFolderPath: ValidatedText {
  public static let kind = "path of a folder"
  public static let rule =
    "an absolute path of 1 to 255 bytes without control characters, '.' and '..', not ending with '/'"

  public let text: String
  public init(unchecked text: String) { self.text = text }

  public static func isValid(_ text: String) -> Bool {
    guard (1...255).contains(text.utf8.count), text.utf8.first == UInt8(ascii: "/"),
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
    else { return false }
    if text == "/" { return true }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    return parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}
