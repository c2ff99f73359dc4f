import ClusterModel
import Testing

@testable import wasmatrix

struct OutputTests {
  @Test func `a table aligns its columns`() {
    var table = TextTable(.text("NAME"), .number("COUNT"))
    table.add("clean", "7")
    table.add("a", "1000")
    #expect(table.text == "NAME   COUNT\nclean      7\na       1000\n")
  }

  @Test func `nothing in a table steers the terminal`() {
    var table = TextTable(.text("A"))
    table.add("\u{1b}[2J\u{202e}x\n")
    #expect(!table.text.unicodeScalars.contains { $0.value == 0x1b || $0.value == 0x202e })
    #expect(table.text.split(separator: "\n").count == 2)
  }

  @Test func `an error says what, why and what next`() {
    let problem = Problem(
      .refused, code: "key_unknown", "The key is not trusted.", cause: "key 12",
      next: "Trust it.")
    let text = ErrorPrinter.text(of: problem)
    #expect(text.hasPrefix("error: The key is not trusted.\n"))
    #expect(text.contains("cause: key 12\n"))
    #expect(text.hasSuffix("next: Trust it.\n"))
  }
}
