/// One request of somebody who waits for an answer. Unique within a process.
public struct RequestID: Hashable, Comparable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// One change that is being made durable.
public struct PersistID: Hashable, Comparable, Sendable {
  /// Who wants it durable.
  public enum Part: Int, Hashable, Sendable {
    case catalog, cluster
  }

  public let part: Part
  public let number: UInt64

  public init(_ part: Part, _ number: UInt64) {
    self.part = part
    self.number = number
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.part.rawValue, left.number) < (right.part.rawValue, right.number)
  }
}

/// Who asked for a change, and where.
public struct Requester: Hashable, Sendable {
  public var principal: Principal
  public var namespace: Namespace
  public init(principal: Principal, namespace: Namespace) {
    self.principal = principal
    self.namespace = namespace
  }
}
