import ClusterModel

/// The patterns of all subscriptions with one topic filter. Each distinct pattern is kept once, and looked
/// at only for events that have one of the keys it was filed under.
struct PatternBucket: Sendable {
  private struct Entry {
    let pattern: EventPattern
    /// Whoever subscribed with it.
    var subscribers: [Int]
  }

  /// What is looked for at one path, by the numbers of keys.
  private struct Tests {
    var present: Int?
    var equals: [PatternScalar: Int] = [:]
    var folded: [[UInt8]: Int] = [:]
    var prefixes = PrefixTable([])
    var suffixes = PrefixTable([])
    var ranges = RangeTable([])

    var looksAtBytes: Bool { !folded.isEmpty || !prefixes.isEmpty || !suffixes.isEmpty }
  }

  private var entries: [Entry] = []
  /// Entries that can match without any key.
  private var always: [Int] = []
  private var paths = PathTree()
  /// By path.
  private var tests: [Tests?] = []
  /// By the number of a key: the entries filed under it.
  private var filed: [[Int]] = []
  private(set) var needsData = false

  init(_ subscriptions: [(subscriber: Int, pattern: EventPattern)]) {
    var numbers: [EventPattern: Int] = [:]
    for (subscriber, pattern) in subscriptions {
      if let number = numbers[pattern] {
        entries[number].subscribers.append(subscriber)
      } else {
        numbers[pattern] = entries.count
        entries.append(Entry(pattern: pattern, subscribers: [subscriber]))
      }
    }
    needsData = entries.contains { $0.pattern.usesData }
    file()
  }

  private mutating func file() {
    var planner = AccessPlanner()
    let plans = entries.map { planner.plan($0.pattern) }
    filed = Array(repeating: [], count: planner.keys.count)
    for (entry, plan) in plans.enumerated() {
      guard let keys = planner.choose(plan) else {
        always.append(entry)
        continue
      }
      for key in keys where filed[key].last != entry { filed[key].append(entry) }
    }
    paths = planner.paths
    var keysByPath = [[Int]](repeating: [], count: paths.children.count)
    for (number, key) in planner.keys.enumerated() where !filed[number].isEmpty {
      keysByPath[key.path].append(number)
    }
    paths.prune { !keysByPath[$0].isEmpty }
    tests = keysByPath.map { $0.isEmpty ? nil : Self.tests($0, planner.keys) }
  }

  private static func tests(_ numbers: [Int], _ keys: [AccessKey]) -> Tests {
    var tests = Tests()
    var prefixes: [(bytes: [UInt8], number: Int)] = []
    var suffixes: [(bytes: [UInt8], number: Int)] = []
    var ranges: [(range: NumberRange, number: Int)] = []
    for number in numbers {
      switch keys[number].test {
      case .present: tests.present = number
      case .equals(let scalar): tests.equals[scalar] = number
      case .folded(let bytes): tests.folded[bytes] = number
      case .prefix(let bytes): prefixes.append((bytes, number))
      case .suffix(let bytes): suffixes.append((bytes, number))
      case .range(let range): ranges.append((range, number))
      }
    }
    tests.prefixes = PrefixTable(prefixes)
    tests.suffixes = PrefixTable(suffixes)
    tests.ranges = RangeTable(ranges)
    return tests
  }
}

extension PatternBucket {
  /// What an event was found to have.
  private struct Findings {
    /// By the number of a key. What is there a thousand times in an array is found once.
    var isFound: [Bool]
    var candidates: [Int]

    /// - Returns: whether it is new.
    mutating func insert(_ key: Int) -> Bool {
      guard !isFound[key] else { return false }
      isFound[key] = true
      return true
    }
  }

  /// Adds the subscribers whose pattern matches, in any order, and those whose pattern takes too much work.
  func match(_ event: Event, data: JSONValue?, _ found: inout [Int], _ exceeded: inout [Int]) {
    var findings = Findings(
      isFound: Array(repeating: false, count: filed.count), candidates: always)
    let members = Members.event(event, data: data)
    for (name, path) in paths.children[PathTree.root] {
      if let value = members[name] { look(at: value, path, &findings) }
    }
    var isChecked = [Bool](repeating: false, count: entries.count)
    for number in findings.candidates where !isChecked[number] {
      isChecked[number] = true
      var work = MatchingWork()
      do throws(WorkExceeded) {
        guard try entries[number].pattern.root.matches(members, &work) else { continue }
        found += entries[number].subscribers
      } catch {
        exceeded += entries[number].subscribers
      }
    }
  }

  /// In any order, as what is found is a set.
  private func look(at value: JSONValue, _ path: Int, _ findings: inout Findings) {
    if let present = tests[path]?.present { add(present, &findings) }
    switch value {
    case .array(let elements): for element in elements { look(at: element, path, &findings) }
    case .object(let members):
      let children = paths.children[path]
      if members.count < children.count {
        for (name, value) in members {
          if let child = children[PatternText(name)] { look(at: value, child, &findings) }
        }
      } else {
        let members = Members.object(members)
        for (name, child) in children {
          if let value = members[name] { look(at: value, child, &findings) }
        }
      }
    case .null, .bool, .integer, .number, .string:
      guard let tests = tests[path], let scalar = PatternScalar(value) else { return }
      look(at: scalar, tests, &findings)
    }
  }

  private func look(at scalar: PatternScalar, _ tests: Tests, _ findings: inout Findings) {
    if let key = tests.equals[scalar] { add(key, &findings) }
    switch scalar {
    case .null, .bool: break
    case .number(let number): tests.ranges.find(number) { add($0, &findings) }
    case .text(let text):
      guard tests.looksAtBytes else { return }
      let bytes = Array(text.utf8)
      if !tests.folded.isEmpty, let key = tests.folded[bytes.map(folded)] { add(key, &findings) }
      tests.prefixes.find(bytes) { add($0, &findings) }
      if !tests.suffixes.isEmpty { tests.suffixes.find(bytes.reversed()) { add($0, &findings) } }
    }
  }

  /// - Returns: whether it was not known. Of prefixes of each other the shorter ones are found with the
  ///   longer ones.
  @discardableResult private func add(_ key: Int, _ findings: inout Findings) -> Bool {
    guard findings.insert(key) else { return false }
    findings.candidates += filed[key]
    return true
  }
}
