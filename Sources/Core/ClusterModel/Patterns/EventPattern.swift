/// Which events a trigger wants, by what they say: a filter of their attributes and their data, in the
/// manner of Amazon EventBridge. `docs/EVENT-PATTERNS.md` says what each test means; what evaluates it is
/// `EventPatterns`.
///
/// An event is seen as one object: its attributes are texts, and `data` is its data, when that is JSON.
/// One that exists is valid: it can only be made by ``init(_:)`` and by decoding, which check it.
public struct EventPattern: Hashable, Sendable {
  public let root: Group

  /// Tests of one object; all must hold.
  public struct Group: Hashable, Sendable {
    /// Sorted by name, names unique.
    public let fields: [Field]
    /// Of these, one must hold too (`$or`); empty when there are none.
    public let alternatives: [Group]
  }

  public struct Field: Hashable, Sendable {
    public let name: PatternText
    public let condition: Condition
  }

  /// What must hold of one field.
  public indirect enum Condition: Hashable, Sendable {
    /// One of these; never empty.
    case anyOf([Test])
    case nested(Group)
  }

  public enum Test: Hashable, Sendable {
    case equals(PatternScalar)
    case prefix(PatternText)
    case suffix(PatternText)
    /// Only A-Z and a-z are taken for the same.
    case equalsIgnoreCase(PatternText)
    case wildcard(Wildcard)
    case numeric(NumberRange)
    case exists(Bool)
    case anythingBut(Exclusion)
  }

  /// A text with `*` for any bytes, also none.
  public struct Wildcard: Hashable, Sendable {
    /// What stands between the stars: one more than there are stars.
    public let pieces: [PatternText]
  }

  public enum Exclusion: Hashable, Sendable {
    case value(PatternScalar)
    case values([PatternScalar])
    case prefix(PatternText)
    case suffix(PatternText)
  }

  /// Makes a pattern of its JSON.
  ///
  /// - Throws: the first thing that is wrong with it.
  public init(_ value: JSONValue) throws(InvalidPattern) {
    var reader = PatternReader()
    root = try reader.group(value, at: PatternPlace(), isRoot: true)
  }

  /// Whether it asks for the data of events, and not only for attributes.
  public var usesData: Bool { root.namesData }

  /// The name under which the data of an event stands beside its attributes.
  public static let dataField = PatternText("data")
  /// The name that stands for no field.
  static let alternativesField = "$or"
}

extension EventPattern.Group {
  /// Of a root or an alternative of it.
  fileprivate var namesData: Bool {
    fields.contains { $0.name == EventPattern.dataField }
      || alternatives.contains(where: \.namesData)
  }
}

/// The bounds of a pattern, so that one made to be expensive is refused when it is read. None of the work
/// done later grows faster than with the product of its tests and the values of an event.
extension EventPattern {
  /// Objects and lists within each other. Bounds the recursion of all that reads a pattern; data that is
  /// looked at is not nested deeper than twice that.
  public static let maximumDepth = 16
  /// Named fields, in all alternatives together.
  public static let maximumFields = 128
  /// Values and tests in lists, those that `anything-but` excludes included. An event may have to be held
  /// against all of them.
  public static let maximumTests = 128
  /// Alternatives of all `$or` together.
  public static let maximumAlternatives = 64
  /// Bytes of one text or name: no attribute of an event is longer.
  public static let maximumTextLength = EventRules.maximumAttributeLength
  /// Bytes of all texts and names together: a thousand triggers stay below 16 MiB.
  public static let maximumTotalText = 16 * 1024
}

/// A pattern is not as it should be.
public struct InvalidPattern: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Step: Hashable, Sendable {
    case field(String)
    case element(Int)
  }

  /// The way from the pattern to what is wrong.
  public let path: [Step]
  /// What is wrong.
  public let message: String
  /// What is allowed there.
  public let allowed: String

  public var description: String {
    var place = ""
    for step in path {
      switch step {
      case .field(let name): place += (place.isEmpty ? "" : ".") + name.prefix(80)
      case .element(let index): place += "[\(index)]"
      }
    }
    return "\(place.isEmpty ? "the pattern" : place): \(message); allowed: \(allowed)"
  }
}
