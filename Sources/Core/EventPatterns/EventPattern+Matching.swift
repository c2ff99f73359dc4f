public import ClusterModel

// What a pattern means; `docs/EVENT-PATTERNS.md` in code. The index must find what this finds.
extension EventPattern {
  /// Whether an event is wanted. One that takes more work than ``MatchingWork`` allows is not.
  ///
  /// - Parameter data: what its data says, when that is JSON within ``PatternData``; `nil` otherwise, and
  ///   then the event has no field `data`.
  public func matches(_ event: Event, data: JSONValue?) -> Bool {
    var work = MatchingWork()
    do throws(WorkExceeded) {
      return try root.matches(.event(event, data: data), &work)
    } catch {
      return false
    }
  }
}

/// The fields of an object, or of an event, which is seen as one.
enum Members {
  case event(Event, data: JSONValue?)
  case object([String: JSONValue])
  case nothing

  subscript(name: PatternText) -> JSONValue? {
    switch self {
    case .nothing: return nil
    case .object(let members):
      // Found names may be other bytes that only look alike.
      guard let index = members.index(forKey: name.text), PatternText(members[index].key) == name
      else { return nil }
      return members[index].value
    case .event(let event, let data):
      switch name.text {
      case "data": return data
      case "id": return .string(event.id)
      case "source": return .string(event.source)
      case "type": return .string(event.type)
      case "topic": return .string(event.topic.text)
      case "subject": return event.subject.map { .string($0) }
      case "datacontenttype": return event.dataContentType.map { .string($0) }
      case "dataschema": return event.dataSchema.map { .string($0) }
      case let name: return event.attribute(name).map { .string($0) }
      }
    }
  }
}

extension EventPattern.Group {
  func matches(_ members: Members, _ work: inout MatchingWork) throws(WorkExceeded) -> Bool {
    for field in fields {
      try work.spend(1)
      guard try field.condition.matches(members[field.name], &work) else { return false }
    }
    guard !alternatives.isEmpty else { return true }
    for alternative in alternatives {
      if try alternative.matches(members, &work) { return true }
    }
    return false
  }

  /// An array matches when one of its elements does, as a whole. What is no object has no fields.
  fileprivate func matches(
    _ value: JSONValue?, _ work: inout MatchingWork
  ) throws(WorkExceeded) -> Bool {
    switch value {
    case .object(let members): return try matches(.object(members), &work)
    case .array(let elements) where !elements.isEmpty:
      for element in elements {
        if try matches(element, &work) { return true }
      }
      return false
    case nil, .array, .null, .bool, .integer, .number, .string:
      return try matches(.nothing, &work)
    }
  }
}

extension EventPattern.Condition {
  fileprivate func matches(
    _ value: JSONValue?, _ work: inout MatchingWork
  ) throws(WorkExceeded) -> Bool {
    switch self {
    case .nested(let group): return try group.matches(value, &work)
    case .anyOf(let tests):
      for test in tests {
        if try test.matches(value, &work) { return true }
      }
      return false
    }
  }
}

extension EventPattern.Test {
  fileprivate func matches(
    _ value: JSONValue?, _ work: inout MatchingWork
  ) throws(WorkExceeded) -> Bool {
    if case .exists(let isWanted) = self { return isWanted == (value != nil) }
    switch value {
    case nil, .object: return false
    case .array(let elements):
      for element in elements {
        if try matches(element, &work) { return true }
      }
      // Also one without elements that pass was looked at.
      try work.spend(1)
      return false
    case .null?, .bool?, .integer?, .number?, .string?: break
    }
    guard let value, let scalar = PatternScalar(value) else { return false }
    try work.spend(1 + cost(of: scalar))
    return matches(scalar)
  }

  /// What a test takes beyond one step: what is compared with many, and long texts that are read to their end.
  private func cost(of scalar: PatternScalar) -> Int {
    let length = (scalar.text?.utf8.count ?? 0) / MatchingWork.bytesAStep
    return switch self {
    case .anythingBut(.values(let values)): values.count
    case .anythingBut, .equals, .exists, .numeric, .prefix, .suffix: 0
    case .equalsIgnoreCase, .wildcard: length
    }
  }

  private func matches(_ scalar: PatternScalar) -> Bool {
    switch self {
    case .equals(let wanted): return scalar == wanted
    case .exists(let isWanted): return isWanted
    case .anythingBut(let exclusion): return !exclusion.excludes(scalar)
    case .numeric(let range):
      guard case .number(let number) = scalar else { return false }
      return range.contains(number)
    case .prefix(let wanted): return scalar.text.map { $0.hasPrefix(wanted) } ?? false
    case .suffix(let wanted): return scalar.text.map { $0.hasSuffix(wanted) } ?? false
    case .equalsIgnoreCase(let wanted):
      return scalar.text.map {
        $0.utf8.lazy.map(folded).elementsEqual(wanted.utf8.lazy.map(folded))
      }
        ?? false
    case .wildcard(let wildcard): return scalar.text.map { wildcard.matches($0) } ?? false
    }
  }
}

extension EventPattern.Exclusion {
  fileprivate func excludes(_ scalar: PatternScalar) -> Bool {
    switch self {
    case .value(let value): scalar == value
    case .values(let values): values.contains(scalar)
    case .prefix(let prefix): scalar.text.map { $0.hasPrefix(prefix) } ?? false
    case .suffix(let suffix): scalar.text.map { $0.hasSuffix(suffix) } ?? false
    }
  }
}

extension PatternScalar {
  fileprivate var text: PatternText? {
    if case .text(let text) = self { text } else { nil }
  }
}

extension PatternText {
  var utf8: String.UTF8View { text.utf8 }

  fileprivate func hasPrefix(_ prefix: PatternText) -> Bool { utf8.starts(with: prefix.utf8) }

  fileprivate func hasSuffix(_ suffix: PatternText) -> Bool {
    utf8.reversed().starts(with: suffix.utf8.reversed())
  }
}

/// A-Z as a-z, every other byte as it is.
func folded(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
