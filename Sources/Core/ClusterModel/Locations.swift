/// A place on the earth, in degrees.
public struct Coordinates: Hashable, Sendable, Codable {
  /// -90 (south pole) to 90.
  public let latitude: Double
  /// -180 to 180; east is positive.
  public let longitude: Double

  /// - Throws: ``InvalidValue`` when a degree is out of range or no number.
  public init(latitude: Double, longitude: Double) throws(InvalidValue) {
    guard (-90...90).contains(latitude) else {
      throw InvalidValue("latitude", "\(latitude)", rule: "-90 to 90 degrees")
    }
    guard (-180...180).contains(longitude) else {
      throw InvalidValue("longitude", "\(longitude)", rule: "-180 to 180 degrees")
    }
    // Minus zero is the same place as zero, but another text.
    self.latitude = latitude == 0 ? 0 : latitude
    self.longitude = longitude == 0 ? 0 : longitude
  }

  private enum CodingKeys: String, CodingKey { case latitude, longitude }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      latitude: container.decode(Double.self, forKey: .latitude),
      longitude: container.decode(Double.self, forKey: .longitude))
  }
}

/// Where a node stands: the document's `location`.
public struct NodeLocation: Hashable, Sendable, Codable {
  /// The network neighbourhood; requests come from zones, and latency is measured between them.
  public var zone: Zone
  /// `nil` when nobody said; then distance counts as unknown.
  public var coordinates: Coordinates?

  public init(zone: Zone, coordinates: Coordinates? = nil) {
    self.zone = zone
    self.coordinates = coordinates
  }
}

/// The name of a network neighbourhood: a plant, a depot, a data centre.
public struct Zone: ValidatedText {
  public static let kind = "zone"
  public static let rule = NameRule.text
  /// The zone of a node that names none.
  public static let `default` = Zone(unchecked: "default")
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// What fails together: a vehicle, a facility, a region.
public struct FaultDomain: ValidatedText {
  public static let kind = "fault domain"
  public static let rule = NameRule.text
  public let text: String
  public init(unchecked text: String) { self.text = text }
  public static func isValid(_ text: String) -> Bool { NameRule.isValid(text) }
}

/// A value broke the rule of the field it was meant for.
public struct InvalidValue: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which field: "latitude".
  public let field: String
  /// The offending value, cut to 80 characters.
  public let value: String
  /// What is allowed.
  public let rule: String

  public init(_ field: String, _ value: String, rule: String) {
    self.field = field
    self.value = String(value.prefix(80))
    self.rule = rule
  }

  public var description: String { "\(value) is not a valid \(field): \(rule)" }
}
