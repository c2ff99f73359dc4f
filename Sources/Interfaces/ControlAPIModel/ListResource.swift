/// A list as the API answers it: `{"items": [...]}`.
public struct ListResource<Item: Codable & Sendable>: Codable, Sendable {
  public var items: [Item]
  public init(items: [Item]) { self.items = items }
}

/// The answer to a removal: what is gone.
public struct RemovedResource<Item: Codable & Sendable>: Codable, Sendable {
  public var removed: [Item]
  public init(removed: [Item]) { self.removed = removed }
}
