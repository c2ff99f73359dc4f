/// Where somebody is who asks, as far as they say.
public struct CallerPlace: Hashable, Sendable {
  /// The network neighbourhood; `nil` when they do not say.
  public var zone: Zone?
  public var coordinates: Coordinates?

  /// - Returns: `nil` when nothing is said.
  public init?(zone: Zone?, coordinates: Coordinates?) {
    guard zone != nil || coordinates != nil else { return nil }
    self.zone = zone
    self.coordinates = coordinates
  }
}

extension Coordinates {
  /// Reads `48.2,16.4`: degrees of latitude and longitude.
  ///
  /// - Throws: ``InvalidValue``.
  public init(text: String) throws(InvalidValue) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let degrees = parts.compactMap { part in
      Double(String(part.drop { $0 == " " }))
    }
    guard parts.count == 2, degrees.count == 2 else {
      throw InvalidValue("place", text, rule: "LATITUDE,LONGITUDE in degrees: 48.2,16.4")
    }
    try self.init(latitude: degrees[0], longitude: degrees[1])
  }
}
