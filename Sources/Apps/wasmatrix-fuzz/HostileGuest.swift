import WasmtimeEngine

/// A module that calls host functions with pointers, lengths, descriptors, paths and vectors that nobody
/// would write. It traps with `unreachable` when one answers with what is no error number.
struct HostileGuest {
  let module: [UInt8]

  /// The largest error number of WASI preview 1.
  private static let lastErrno: UInt32 = 76
  private static let pages = 2
  private static let vectors = 1024
  private static let paths = 4096
  private static let subscriptions = 8192
  private static let requests = 16_384
  private static let scratch = 32_768
  private static let answers = 60_000
  /// Before what it writes at its end: for each call the index of the function, and the error number.
  private static let mark: [UInt8] = Array("errno".utf8)
  private static let notReached: UInt8 = 0xee

  init(_ imports: [GuestImport], _ random: inout FuzzRandom) {
    var writer = GuestWriter(imports: imports, pages: Self.pages)
    Self.fill(&writer, &random)
    var record = Self.mark
    for number in 0..<random.number(1...40) {
      if random.once(in: 4) { Self.scribble(&writer, &random) }
      let index = random.number(0...imports.count - 1)
      let function = imports[index]
      let answers = function.results == "i"
      // One that ends the guest would mostly end it at once.
      guard answers || random.once(in: 20) else { continue }
      if answers { writer.constant32(UInt32(Self.answers + record.count + 1)) }
      Self.pass(function, &writer, &random)
      writer.call(index)
      guard answers else { continue }
      writer.tee()
      writer.store8()
      writer.trapIfGreater(than: Self.lastErrno)
      record += [UInt8(index), Self.notReached]
      if random.once(in: 10), number > 0 {
        writer.constant32(UInt32(random.number(0...40)))
        writer.grow()
        writer.drop()
      }
    }
    writer.place(record, at: Self.answers)
    Self.tell(&writer, record.count)
    module = writer.module
  }

  /// What the arguments of some functions mean: descriptor, vectors, path, subscriptions, scratch, a number,
  /// a wide one. Others get anything.
  private static let meanings = [
    "fd_write": "dvns", "fd_read": "dvns", "fd_pread": "dvnIs", "fd_pwrite": "dvnIs",
    "poll_oneoff": "usns", "path_open": "dnpnnIIns", "path_filestat_get": "dnpns",
    "path_create_directory": "dpn", "path_unlink_file": "dpn", "path_remove_directory": "dpn",
    "path_rename": "dpndpn", "path_readlink": "dpnsns", "path_symlink": "pndpn",
    "path_link": "dnpndpn", "fd_readdir": "dsnIs", "fd_renumber": "dd", "fd_prestat_get": "ds",
    "fd_filestat_get": "ds", "fd_fdstat_get": "ds", "fd_seek": "dIns", "random_get": "sn",
  ]

  /// Pushes the arguments of a call: half the time as they are meant, so that it gets far.
  private static func pass(
    _ function: GuestImport, _ writer: inout GuestWriter, _ random: inout FuzzRandom
  ) {
    let meant = random.once(in: 2) ? Array(meanings[function.name] ?? "") : []
    for (place, letter) in function.parameters.enumerated() {
      guard letter != "I" else {
        writer.constant64(wide(&random))
        continue
      }
      let value: Int? =
        switch meant.indices.contains(place) ? meant[place] : "?" {
        case "d": random.number(0...5)
        case "v": vectors + 8 * random.number(0...20)
        case "p": paths + random.number(0...100)
        case "u": subscriptions
        case "s": scratch + random.number(0...20_000)
        case "n": random.number(0...12)
        case _: place == 0 && !random.once(in: 4) ? random.number(0...5) : nil
        }
      writer.constant32(value.map { UInt32($0) } ?? argument(&random))
    }
  }

  /// Writes the error numbers to standard output, if that is still there.
  private static func tell(_ writer: inout GuestWriter, _ count: Int) {
    guard let write = writer.imports.firstIndex(where: { $0.name == "fd_write" }) else { return }
    for (place, value) in [(8, answers), (12, count)] {
      writer.constant32(UInt32(place))
      writer.constant32(UInt32(value))
      writer.store32()
    }
    for argument in [1, 8, 1, 16] { writer.constant32(UInt32(argument)) }
    writer.call(write)
    writer.drop()
  }

  /// What the calls of a guest answered, as far as it could tell.
  static func answers(in output: [UInt8], _ imports: [GuestImport]) -> [String] {
    let starts = output.indices.dropLast(mark.count)
    guard let start = starts.last(where: { output[$0...].starts(with: mark) }) else { return [] }
    let record = output[(start + mark.count)...]
    return stride(from: record.startIndex, to: record.endIndex - 1, by: 2).compactMap { place in
      guard record[place] < imports.count, record[place + 1] != notReached else { return nil }
      return "\(imports[Int(record[place])].name): \(record[place + 1])"
    }
  }

  private static func scribble(_ writer: inout GuestWriter, _ random: inout FuzzRandom) {
    writer.constant32(
      UInt32(random.one(of: [vectors, subscriptions, paths]) + random.number(0...255)))
    writer.constant32(argument(&random))
    writer.store32()
  }

  private static func argument(_ random: inout FuzzRandom) -> UInt32 {
    let size = pages << 16
    switch random.number(0...9) {
    case 0: return UInt32(random.number(0...8))
    case 1: return UInt32(vectors + 8 * random.number(0...20))
    case 2: return UInt32(paths + random.number(0...400))
    case 3: return UInt32(subscriptions + 48 * random.number(0...4))
    case 4: return UInt32(requests + random.number(0...200))
    case 5: return UInt32(scratch + random.number(0...20_000))
    case 6: return UInt32(size - random.number(0...72))
    case 7: return UInt32(truncatingIfNeeded: random.next())
    case 8:
      return random.one(of: [
        0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffc, 0xffff_fff8, 1024, 1025,
      ])
    case _: return UInt32(random.one(of: [0, 1, 2, 3, 4, 8, 16, 24, 48, 64, 255, 4096, 65_536]))
    }
  }

  private static func wide(_ random: inout FuzzRandom) -> UInt64 {
    switch random.number(0...3) {
    case 0: UInt64(random.number(0...100))
    case 1: random.next()
    case 2: random.one(of: [.max, 1 << 63, 1 << 62, 1 << 32, UInt64(Int64.max)])
    case _: UInt64(random.number(0...30_000_000))
    }
  }

  private static func fill(_ writer: inout GuestWriter, _ random: inout FuzzRandom) {
    var list: [UInt8] = []
    for _ in 0..<24 {
      list += little(
        random.once(in: 3) ? argument(&random) : UInt32(requests + random.number(0...900)))
      list += little(random.once(in: 4) ? argument(&random) : UInt32(random.number(0...200)))
    }
    writer.place(list, at: vectors)
    let names = [
      "../../../../etc/passwd", "/etc/passwd", ".", "..", "", "a", "a/../../b", "a//b/./c", "link",
      "link/..", "\u{0}", "a\u{0}b", String(repeating: "x", count: 300), "/proc/self/mem", "\u{ff}",
      String(repeating: "a/", count: 150),
    ]
    var text: [UInt8] = []
    for _ in 0..<12 { text += Array(random.one(of: names).utf8) + [0] }
    writer.place(text, at: paths)
    var polled: [UInt8] = []
    for _ in 0..<random.number(1...6) {
      polled += random.bytes(8) + [UInt8(random.number(0...3)), 0, 0, 0, 0, 0, 0, 0]
      polled += little(UInt32(random.number(0...4))) + [0, 0, 0, 0] + wide8(&random)
      polled += wide8(&random) + [UInt8(random.number(0...1)), 0, 0, 0, 0, 0, 0, 0]
    }
    writer.place(polled, at: subscriptions)
    writer.place(requestLines(&random), at: requests)
  }

  /// What a guest may ask the platform, whole, broken and senseless.
  private static func requestLines(_ random: inout FuzzRandom) -> [UInt8] {
    let samples = [
      #"{"get":{"bucket":"b","key":"k"}}"#, #"{"set":{"bucket":"b","key":"k","value":"1"}}"#,
      #"{"merge":{"bucket":"b","key":"k","function":"add","value":"1"}}"#, "{}", "",
      #"{"list":{"bucket":"b","prefix":"","limit":1000}}"#, #"{"delete":{"bucket":"b","key":"k"}}"#,
      #"{"publish":{"topic":"a/b","data":"x","base64":"eA=="}}"#, #"{"get":{"bucket":"#,
      "[[[[[[[[[",
      #"{"invalidate":{"bucket":"b","key":"\ud800"}}"#, "null", "1e999", "\"\\u0000\"",
    ]
    var lines: [UInt8] = []
    while lines.count < 1000 {
      var line = Array(random.one(of: samples).utf8)
      if random.once(in: 4), !line.isEmpty {
        line[random.number(0...line.count - 1)] = UInt8(truncatingIfNeeded: random.next())
      }
      lines += line + (random.once(in: 6) ? [] : [10])
    }
    return lines
  }

  private static func little(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func wide8(_ random: inout FuzzRandom) -> [UInt8] {
    let value = wide(&random)
    return (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }
}
