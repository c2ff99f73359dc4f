import WasmtimeEngine

/// Writes a module in the binary format: imports of host functions, one memory, one function `_start`, data.
struct GuestWriter {
  private var body: [UInt8] = []
  private var data: [(address: Int, bytes: [UInt8])] = []
  let imports: [GuestImport]
  let pages: Int

  init(imports: [GuestImport], pages: Int) {
    self.imports = imports
    self.pages = pages
  }

  mutating func place(_ bytes: [UInt8], at address: Int) { data.append((address, bytes)) }

  mutating func constant32(_ value: UInt32) {
    body += [0x41] + Self.signed(Int64(Int32(bitPattern: value)))
  }

  mutating func constant64(_ value: UInt64) {
    body += [0x42] + Self.signed(Int64(bitPattern: value))
  }

  mutating func call(_ index: Int) { body += [0x10] + Self.unsigned(index) }
  /// Local 0.
  mutating func tee() { body += [0x22, 0] }
  mutating func get() { body += [0x20, 0] }
  mutating func drop() { body.append(0x1a) }
  mutating func store8() { body += [0x3a, 0, 0] }
  mutating func store32() { body += [0x36, 0, 0] }
  mutating func grow() { body += [0x40, 0] }
  /// Traps when local 0 is greater, as a number without sign.
  mutating func trapIfGreater(than value: UInt32) {
    get()
    constant32(value)
    body += [0x4b, 0x04, 0x40, 0x00, 0x0b]
  }

  var module: [UInt8] {
    let types = imports.map { Self.type($0.parameters, $0.results) } + [Self.type("", "")]
    let imported = imports.enumerated().map { index, function in
      Self.name(function.module) + Self.name(function.name) + [0] + Self.unsigned(index)
    }
    let exports = [
      Self.name("memory") + [2, 0], Self.name("_start") + [0] + Self.unsigned(imports.count),
    ]
    let code = [1, 1, 0x7f] + body + [0x0b]
    let segments = data.map { segment in
      [0, 0x41] + Self.signed(Int64(segment.address)) + [0x0b]
        + Self.unsigned(segment.bytes.count) + segment.bytes
    }
    return [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
      + Self.section(1, types) + Self.section(2, imported)
      + Self.section(3, [Self.unsigned(imports.count)])
      + Self.section(5, [[0] + Self.unsigned(pages)]) + Self.section(7, exports)
      + Self.section(10, [Self.unsigned(code.count) + code]) + Self.section(11, segments)
  }

  private static func section(_ id: UInt8, _ items: [[UInt8]]) -> [UInt8] {
    let content = unsigned(items.count) + items.joined()
    return [id] + unsigned(content.count) + content
  }

  private static func type(_ parameters: String, _ results: String) -> [UInt8] {
    func types(_ letters: String) -> [UInt8] {
      unsigned(letters.count) + letters.map { $0 == "I" ? 0x7e : 0x7f }
    }
    return [0x60] + types(parameters) + types(results)
  }

  private static func name(_ text: String) -> [UInt8] { unsigned(text.utf8.count) + text.utf8 }

  private static func unsigned(_ value: Int) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    repeat {
      let low = UInt8(rest & 0x7f)
      rest >>= 7
      bytes.append(rest == 0 ? low : low | 0x80)
    } while rest != 0
    return bytes
  }

  private static func signed(_ value: Int64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while true {
      let low = UInt8(truncatingIfNeeded: rest & 0x7f)
      rest >>= 7
      let isDone = rest == 0 && low & 0x40 == 0 || rest == -1 && low & 0x40 != 0
      bytes.append(isDone ? low : low | 0x80)
      if isDone { return bytes }
    }
  }
}
