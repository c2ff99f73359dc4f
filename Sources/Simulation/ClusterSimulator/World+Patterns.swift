import ClusterModel

// What events say, and which of them modules want.
extension World {
  private static let sites = ["hall-1", "hall-2", "yard"]

  /// Some want all events of their topics, others some by their attributes, data or both, and none at all.
  func randomPattern() -> EventPattern? {
    let level = Int64(patterns.index(below: 10))
    let isAbove = JSONValue.array([
      .object(["numeric": .array([.string(">="), .integer(level)])])
    ])
    let isNear = JSONValue.object([
      "site": .array([.object(["prefix": .string("hall-")]), .object(["exists": .bool(false)])])
    ])
    let json: JSONValue? =
      switch patterns.index(below: 6) {
      case 0: .object(["data": .object(["level": isAbove])])
      case 1: .object(["data": isNear])
      case 2: .object(["type": .array([.string("reading")])])
      case 3:
        .object([
          "$or": .array([.object(["data": isNear]), .object(["data": .object(["level": isAbove])])])
        ])
      case _: nil
      }
    return json.flatMap { try? EventPattern($0) }
  }

  /// The data of a reading, and what it says; sometimes nothing that is JSON.
  func randomReading() -> (bytes: [UInt8], json: JSONValue?) {
    let level = Int64(patterns.index(below: 10))
    let site = Self.sites[patterns.index(below: Self.sites.count)]
    let bytes: [UInt8]
    let json: JSONValue?
    switch patterns.index(below: 4) {
    case 0: return ([1, 2, 3], nil)
    case 1:
      bytes = Array(#"{"level":\#(level)}"#.utf8)
      json = .object(["level": .integer(level)])
    case _:
      bytes = Array(#"{"level":\#(level),"site":"\#(site)"}"#.utf8)
      json = .object(["level": .integer(level), "site": .string(site)])
    }
    readings[bytes] = json
    return (bytes, json)
  }
}
