import ClusterModel
import EventPatterns
import EventRouting
import Foundation
import Measuring

/// Finding who wants an event among ten thousand subscriptions with patterns, beside ten of them, and beside
/// asking each pattern.
struct Matching: Encodable {
  enum Kind: String, CaseIterable, Encodable {
    /// Each wants one sensor of its own.
    case exact
    /// Each wants a narrow range of temperatures.
    case range
    /// Each wants a prefix of sensors, a state, and a temperature above its own.
    case mixed
  }

  let kind: Kind
  /// Events a second, of each round.
  let few: Spread
  let many: Spread
  /// Many to few.
  let ratio: Spread
  /// Events a second when each pattern is asked.
  let each: Double
  let found: Double

  static let rounds = 7

  static func all(events: Int) throws -> [Matching] {
    try Kind.allCases.map { try Matching($0, events: events) }
  }

  private init(_ kind: Kind, events count: Int) throws {
    let few = try Self.triggers(kind, 10)
    let many = try Self.triggers(kind, 10_000)
    let (fewTable, manyTable) = (SubscriptionTable(few), SubscriptionTable(many))
    let events = try Self.events()
    var (fewRates, manyRates, ratios): ([Double], [Double], [Double]) = ([], [], [])
    var (found, looked) = (0, 0)
    for round in 0...Self.rounds {
      let one = Self.measure(fewTable, events, count / Self.rounds)
      let two = Self.measure(manyTable, events, count / Self.rounds)
      // The first one warms up.
      guard round > 0 else { continue }
      fewRates.append(one.rate)
      manyRates.append(two.rate)
      ratios.append(two.rate / one.rate)
      found += two.found
      looked += count / Self.rounds
    }
    self.kind = kind
    self.few = Spread(fewRates)
    self.many = Spread(manyRates)
    ratio = Spread(ratios)
    each = Self.askEach(many, events)
    self.found = Double(found) / Double(looked)
    try Self.compare(manyTable, many, events)
  }

  private static func json(_ text: String) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
  }

  private static func triggers(
    _ kind: Kind, _ count: Int
  ) throws -> [(module: QualifiedName, trigger: Trigger)] {
    try (0..<count).map { number in
      let pattern =
        switch kind {
        case .exact: #"{"data":{"sensor":{"id":["press-\#(number)"]}}}"#
        case .range:
          #"""
          {"data":{"temperature":[{"numeric":[">=",\#(Double(number) / 100),"<",\#(Double(number + 1) / 100)]}]}}
          """#
        case .mixed:
          #"""
          {"type":["reading"],"data":{"sensor":{"id":[{"prefix":"press-\#(number)"}]},\#
          "state":[{"anything-but":"idle"}],"temperature":[{"numeric":[">",\#(number % 100)]}]}}
          """#
        }
      return (
        QualifiedName(.default, ModuleName(unchecked: "m\(number)")),
        Trigger(
          topic: TopicFilter(unchecked: "plant/+/reading"),
          pattern: try EventPattern(json(pattern)))
      )
    }
  }

  /// 1,000 events of sensors all over, as they are looked at: with their data parsed.
  private static func events() throws -> [(event: Event, data: JSONValue)] {
    try (0..<1000).map { number in
      let sensor = (number &* 7919) % 10_000
      let text = """
        {"sensor":{"id":"press-\(sensor)","line":\(number % 9)},"temperature":\(Double((number &* 104_729) % 10_000) / 100),
        "vibration":[0.11,0.12,0.09],"state":"\(number % 3 == 0 ? "idle" : "running")","unit":"C"}
        """
      return (Sample.event(number, data: Array(text.utf8)), try json(text))
    }
  }

  private static func measure(
    _ table: SubscriptionTable, _ events: [(event: Event, data: JSONValue)], _ count: Int
  ) -> (rate: Double, found: Int) {
    var found = 0
    let start = Measuring.clock()
    for index in 0..<count {
      let (event, data) = events[index % events.count]
      found += table.modules(for: event, data: data).count
    }
    return (Double(count) * 1e9 / Double(Measuring.clock() - start), found)
  }

  private static func askEach(
    _ triggers: [(module: QualifiedName, trigger: Trigger)],
    _ events: [(event: Event, data: JSONValue)]
  ) -> Double {
    let count = 50
    let start = Measuring.clock()
    var found = 0
    for (event, data) in events.prefix(count) {
      for (_, trigger) in triggers where trigger.pattern?.matches(event, data: data) == true {
        found += 1
      }
    }
    precondition(found >= 0, "it is used")
    return Double(count) * 1e9 / Double(Measuring.clock() - start)
  }

  /// Both ways find the same.
  private static func compare(
    _ table: SubscriptionTable, _ triggers: [(module: QualifiedName, trigger: Trigger)],
    _ events: [(event: Event, data: JSONValue)]
  ) throws {
    for (event, data) in events.prefix(50) {
      let found = Set(table.modules(for: event, data: data))
      let asked = Set(
        triggers.filter { $0.trigger.pattern?.matches(event, data: data) == true }
          .map(\.module.name))
      guard found == asked else { throw MeasuringFailed("the table and the patterns disagree") }
    }
  }

  static func text(_ rows: [Matching]) -> String {
    var text = """
      Finding who wants an event, events a second on one thread, parsing not included. Ratios: the median \
      of \(rounds) rounds (the least to the most).

      | patterns | matches an event | 10 subscriptions | 10,000 subscriptions | 10,000 / 10 | each pattern asked |
      |---|---|---|---|---|---|

      """
    for row in rows {
      text += "| \(row.kind.rawValue) | \(Spread.text(row.found)) | \(Spread.whole(row.few)) "
      text += "| \(Spread.whole(row.many)) | \(row.ratio.text) | \(Int(row.each)) |\n"
    }
    return text
  }
}
