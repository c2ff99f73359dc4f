import ClusterModel

/// How near nodes are to an origin: what is measured, else what follows from the distance.
enum Proximity {
  /// Half of the best score is left at so much round-trip time.
  static let halfLatency = 10_000_000.0
  /// Half of the best score is left at so many kilometres.
  static let halfDistance = 500.0
  /// What a score is when nothing is known.
  static let neutral = 0.5
  /// Round-trip nanoseconds within a zone, or to the next machine, when nothing was measured.
  static let nearby = 500_000.0
  /// Round-trip nanoseconds a kilometre: light in fibre takes 5 microseconds each way, and cables go a
  /// detour of a half.
  static let perKilometre = 15_000.0
  static let earthRadius = 6371.0

  /// Round-trip nanoseconds from what is known; `nil` when nothing is.
  static func latency(
    measured: Int64?, isSameZone: Bool, kilometres: Double?
  ) -> Double? {
    if let measured { return Double(max(0, measured)) }
    if let kilometres { return nearby + kilometres * perKilometre }
    return isSameZone ? nearby : nil
  }

  static func latencyScore(_ nanoseconds: Double?) -> Double {
    guard let nanoseconds else { return neutral }
    return halfLatency / (halfLatency + nanoseconds)
  }

  static func distanceScore(_ kilometres: Double?) -> Double {
    guard let kilometres else { return neutral }
    return halfDistance / (halfDistance + kilometres)
  }

  /// Kilometres over the surface of the earth, by the great circle.
  ///
  /// With the chord `2 sin(angle / 2)` the tangents of a quarter and an eighth of the angle follow, and
  /// the arctangent of the latter, 0.41 at most, is a short series: wrong by less than a metre, with
  /// no trigonometry from elsewhere.
  static func kilometres(_ from: EarthPoint, _ to: EarthPoint) -> Double {
    let sine = min(1, from.chord(to: to) / 2)
    let quarter = sine / (1 + (1 - sine * sine).squareRoot())
    let eighth = quarter / (1 + (1 + quarter * quarter).squareRoot())
    let square = eighth * eighth
    return earthRadius * 8 * eighth * arctangentOverItself(square)
  }

  /// 1 - s/3 + s^2/5 - ... for the square of a tangent, 0.18 at most.
  @inline(__always)
  private static func arctangentOverItself(_ square: Double) -> Double {
    var sum = 1.0 / 25
    sum = 1.0 / 23 - square * sum
    sum = 1.0 / 21 - square * sum
    sum = 1.0 / 19 - square * sum
    sum = 1.0 / 17 - square * sum
    sum = 1.0 / 15 - square * sum
    sum = 1.0 / 13 - square * sum
    sum = 1.0 / 11 - square * sum
    sum = 1.0 / 9 - square * sum
    sum = 1.0 / 7 - square * sum
    sum = 1.0 / 5 - square * sum
    sum = 1.0 / 3 - square * sum
    return 1 - square * sum
  }

  /// Not more than ``kilometres(_:_:)``, and quicker: the first terms of the angle by its chord, all of
  /// which are positive, less what rounding may have added.
  @inline(__always)
  static func kilometresAtLeast(_ from: EarthPoint, _ to: EarthPoint) -> Double {
    let chord = from.chord(to: to)
    let square = chord * chord
    return chord * (1 + square * (1.0 / 24 + square * (3.0 / 640))) * (earthRadius * (1 - 1e-9))
  }
}

/// A place on the unit sphere.
struct EarthPoint: Hashable, Sendable {
  let x: Double
  let y: Double
  let z: Double

  init(_ place: Coordinates) {
    let (sinLatitude, cosLatitude) = Self.sineAndCosine(degrees: place.latitude)
    let (sinLongitude, cosLongitude) = Self.sineAndCosine(degrees: place.longitude)
    x = cosLatitude * cosLongitude
    y = cosLatitude * sinLongitude
    z = sinLatitude
  }

  /// The way straight through, in radii.
  @inline(__always)
  func chord(to other: EarthPoint) -> Double {
    let (x, y, z) = (x - other.x, y - other.y, z - other.z)
    return (x * x + y * y + z * z).squareRoot()
  }

  /// By their series, after bringing the angle within an eighth of a turn; exact to about 1e-15. The
  /// standard library has no trigonometry, and this code imports nothing else.
  static func sineAndCosine(degrees: Double) -> (Double, Double) {
    // -180...180 becomes a quarter turn count and a rest within -45...45.
    let quarter = (degrees / 90).rounded()
    let rest = (degrees - quarter * 90) * (Double.pi / 180)
    let square = rest * rest
    var sine = 0.0
    var cosine = 0.0
    for step in stride(from: 8, through: 0, by: -1) {
      let even = Double(2 * step)
      sine = 1 - square / ((even + 2) * (even + 3)) * sine
      cosine = 1 - square / ((even + 1) * (even + 2)) * cosine
    }
    sine *= rest
    switch Int(quarter) & 3 {
    case 0: return (sine, cosine)
    case 1: return (cosine, -sine)
    case 2: return (-sine, -cosine)
    case _: return (-cosine, sine)
    }
  }
}
