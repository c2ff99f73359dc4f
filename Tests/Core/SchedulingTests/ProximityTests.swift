import ClusterModel
import Glibc
import PropertyTesting
import Testing

@testable import Scheduling

@Suite struct ProximityTests {
  private static let degrees = zip(
    Generator<Int>.int(in: -9_000_000...9_000_000), Generator<Int>.int(in: -18_000_000...18_000_000)
  )

  private static func place(_ latitude: Double, _ longitude: Double) throws -> Coordinates {
    try Coordinates(latitude: latitude, longitude: longitude)
  }

  /// By the library's functions, with a formula that is exact for near and for far.
  private static func expected(_ from: Coordinates, _ to: Coordinates) -> Double {
    let (a, b) = (from.latitude * .pi / 180, to.latitude * .pi / 180)
    let turn = (to.longitude - from.longitude) * .pi / 180
    let east = cos(b) * sin(turn)
    let north = cos(a) * sin(b) - sin(a) * cos(b) * cos(turn)
    let along = sin(a) * sin(b) + cos(a) * cos(b) * cos(turn)
    return 6371 * atan2((east * east + north * north).squareRoot(), along)
  }

  private static func check(_ from: Coordinates, _ to: Coordinates) throws -> Bool {
    let (a, b) = (EarthPoint(from), EarthPoint(to))
    let found = Proximity.kilometres(a, b)
    let metre = 0.001
    return abs(found - expected(from, to)) < metre && Proximity.kilometresAtLeast(a, b) <= found
  }

  @Test func `distances are those of the great circle`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: distances to a metre", cases: 500,
      zip(Self.degrees, Self.degrees)
    ) { from, to in
      try Self.check(
        Self.place(Double(from.0) / 1e5, Double(from.1) / 1e5),
        Self.place(Double(to.0) / 1e5, Double(to.1) / 1e5))
    }
  }

  @Test func `near places and opposite ones are told apart too`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 6: distances next door and at the antipodes", cases: 500,
      zip(Self.degrees, Generator<Int>.int(in: 0...1000))
    ) { from, step in
      let here = try Self.place(Double(from.0) / 1.001e5, Double(from.1) / 1.001e5)
      let near = try Self.place(here.latitude + Double(step) / 1e6, here.longitude)
      let far = try Self.place(
        -near.latitude, here.longitude > 0 ? here.longitude - 180 : here.longitude + 180)
      return try Self.check(here, here) && Self.check(here, near) && Self.check(here, far)
    }
  }

  @Test func `a quarter of the way round`() throws {
    let kilometres = Proximity.kilometres(
      EarthPoint(try Self.place(0, 0)), EarthPoint(try Self.place(0, 90)))
    #expect(abs(kilometres - 6371 * .pi / 2) < 1e-6)
  }
}
