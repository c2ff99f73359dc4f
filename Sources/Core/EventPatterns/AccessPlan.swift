import ClusterModel

/// Something that must be found in an event before a pattern can match it: a test at a path. A number for the
/// path, see ``PathTree``.
struct AccessKey: Hashable {
  enum Test: Hashable {
    /// There is a value, of any kind.
    case present
    case equals(PatternScalar)
    /// A text, all letters made small.
    case folded([UInt8])
    case prefix([UInt8])
    /// Reversed.
    case suffix([UInt8])
    case range(NumberRange)
  }

  let path: Int
  let test: Test
}

/// Which keys an event can be found to have before a pattern matches it.
indirect enum AccessPlan {
  /// It can match without any.
  case anything
  case key(Int)
  /// Each of these is needed: one of them is enough to look at.
  case each([AccessPlan])
  /// One of these is needed.
  case either([AccessPlan])
}

/// Numbers the paths and keys of patterns, and chooses for each pattern the keys that find the fewest others
/// with it: keys that hardly another pattern has.
struct AccessPlanner {
  private(set) var paths = PathTree()
  private(set) var keys: [AccessKey] = []
  private var numbers: [AccessKey: Int] = [:]
  /// How many patterns each key occurs in, by its number.
  private var occurrences: [Int] = []
  /// How many ranges there are at each path.
  private var ranges: [Int: Int] = [:]

  /// All ways to find one pattern.
  mutating func plan(_ pattern: EventPattern) -> AccessPlan {
    plan(pattern.root, at: PathTree.root)
  }

  private mutating func plan(_ group: EventPattern.Group, at path: Int) -> AccessPlan {
    var plans: [AccessPlan] = []
    for field in group.fields {
      let inner = paths.child(of: path, named: field.name)
      switch field.condition {
      case .nested(let group): plans.append(plan(group, at: inner))
      case .anyOf(let tests):
        plans.append(
          .either(
            tests.map { test in
              keys(of: test).map { key(AccessKey(path: inner, test: $0)) } ?? .anything
            }))
      }
    }
    if !group.alternatives.isEmpty {
      plans.append(.either(group.alternatives.map { plan($0, at: path) }))
    }
    return .each(plans)
  }

  private mutating func key(_ key: AccessKey) -> AccessPlan {
    if let number = numbers[key] {
      occurrences[number] += 1
      return .key(number)
    }
    let number = keys.count
    numbers[key] = number
    keys.append(key)
    occurrences.append(1)
    if case .range = key.test { ranges[key.path, default: 0] += 1 }
    return .key(number)
  }

  /// - Returns: `nil` for a test that an absent field passes.
  private func keys(of test: EventPattern.Test) -> AccessKey.Test? {
    switch test {
    case .equals(let scalar): return .equals(scalar)
    case .prefix(let text): return .prefix(Array(text.utf8))
    case .suffix(let text): return .suffix(text.utf8.reversed())
    case .equalsIgnoreCase(let text): return .folded(text.utf8.map(folded))
    case .numeric(let range): return .range(range)
    case .exists(let isWanted): return isWanted ? .present : nil
    case .anythingBut: return .present
    case .wildcard(let wildcard):
      if let first = wildcard.pieces.first, !first.text.isEmpty {
        return .prefix(Array(first.utf8))
      }
      if let last = wildcard.pieces.last, !last.text.isEmpty {
        return .suffix(last.utf8.reversed())
      }
      return .present
    }
  }

  /// The keys to find a pattern by, once all patterns are planned; `nil` when there are none.
  func choose(_ plan: AccessPlan) -> [Int]? { cheapest(plan)?.keys }

  private func cheapest(_ plan: AccessPlan) -> (cost: Int, keys: [Int])? {
    switch plan {
    case .anything: return nil
    case .key(let key): return (cost(of: key), [key])
    case .each(let plans): return plans.compactMap { cheapest($0) }.min { $0.cost < $1.cost }
    case .either(let plans):
      var all: (cost: Int, keys: [Int]) = (0, [])
      for plan in plans {
        guard let one = cheapest(plan) else { return nil }
        all = (all.cost + one.cost, all.keys + one.keys)
      }
      return all
    }
  }

  /// About how many patterns an event finds by this key that it does not match: a number lies within many
  /// ranges, and a field is there in many events.
  private func cost(of number: Int) -> Int {
    let key = keys[number]
    switch key.test {
    case .equals, .folded: return occurrences[number]
    case .prefix, .suffix: return 2 * occurrences[number]
    case .range: return occurrences[number] + ranges[key.path, default: 0] / 4
    case .present: return 1000 + occurrences[number]
    }
  }
}
