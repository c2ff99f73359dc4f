import ClusterModel
import Foundation
import SwiftProtobuf
import WireMessages

/// What came over the wire is not what it should be. The other end is at fault, or a stranger.
struct WireFault: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }

  var problem: Problem {
    Problem(
      .invalidInput, code: "wire_malformed", "a message of the other plane makes no sense",
      cause: description, next: "Run the same version on both ends.")
  }
}

/// Documents within messages, in the form in which the store and the API write them.
enum WireJSON {
  static func encode(_ value: some Encodable) throws(WireFault) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return try encoder.encode(value)
    } catch {
      throw WireFault("\(type(of: value)) cannot be written: \(error)")
    }
  }

  static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: Data
  ) throws(WireFault) -> Value {
    do {
      return try JSONDecoder().decode(type, from: bytes)
    } catch {
      throw WireFault("\(type) cannot be read: \(error)")
    }
  }
}

extension ValidatedText {
  /// - Throws: ``WireFault`` when the text breaks the rule of this type.
  init(wire text: String) throws(WireFault) {
    do {
      try self.init(text)
    } catch {
      throw WireFault("\(error)")
    }
  }
}

/// Reads an enumeration by its name.
func named<Value: RawRepresentable<String>>(
  _ name: String, _ type: Value.Type
) throws(WireFault) -> Value {
  guard let value = Value(rawValue: name) else { throw WireFault("\(name) is no \(type)") }
  return value
}

extension UInt64 {
  /// Durations that are negative or too long for a duration in nanoseconds do not travel.
  init(wire duration: Duration) { self = UInt64(clamping: duration.nanoseconds) }
}

extension Duration {
  init(wireNanoseconds: UInt64) { self = .nanoseconds(Int64(clamping: wireNanoseconds)) }
}

extension WireProblem {
  init(_ problem: Problem) {
    self.init()
    category = problem.category.rawValue
    code = problem.code
    message = problem.message
    if let text = problem.cause { cause = text }
    if let text = problem.next { next = text }
    if let wait = problem.retryAfter { retryAfterNs = UInt64(wire: wait) }
  }

  /// A category that is not known here is a fault of the other end.
  var problem: Problem {
    Problem(
      Problem.Category(rawValue: category) ?? .internalFault, code: code, message,
      cause: hasCause ? cause : nil, next: hasNext ? next : nil,
      retryAfter: hasRetryAfterNs ? Duration(wireNanoseconds: retryAfterNs) : nil)
  }
}

extension WirePlanVersion {
  init(_ version: PlanVersion) {
    self.init()
    term = version.term
    counter = version.counter
  }

  var version: PlanVersion { PlanVersion(term: term, counter: counter) }
}

extension WireQualifiedName {
  init(_ name: QualifiedName) {
    self.init()
    namespace = name.namespace.text
    self.name = name.name.text
  }

  func qualifiedName() throws(WireFault) -> QualifiedName {
    QualifiedName(try Namespace(wire: namespace), try ModuleName(wire: name))
  }
}

extension WirePlacementId {
  init(_ id: PlacementID) {
    self.init()
    name = WireQualifiedName(id.name)
    generation = Int64(id.generation)
  }

  func placement() throws(WireFault) -> PlacementID {
    PlacementID(try name.qualifiedName(), generation: Int(generation))
  }
}

extension WirePlacementRole {
  init(_ role: PlacementRole) {
    switch role {
    case .active: self = .active
    case .fallback: self = .fallback
    case .retained: self = .retained
    }
  }

  func role() throws(WireFault) -> PlacementRole {
    switch self {
    case .active: .active
    case .fallback: .fallback
    case .retained: .retained
    case .unspecified, .byHand, .UNRECOGNIZED:
      throw WireFault("a placement has no role that is known here")
    }
  }

  init(_ standing: PlacementStanding) {
    switch standing {
    case .active: self = .active
    case .fallback: self = .fallback
    case .retained: self = .retained
    case .byHand: self = .byHand
    }
  }

  func standing() throws(WireFault) -> PlacementStanding {
    self == .byHand ? .byHand : PlacementStanding(try role())
  }
}
