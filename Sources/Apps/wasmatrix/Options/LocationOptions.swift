import ArgumentParser
import ClusterModel

/// Where a machine stands.
struct LocationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Its network neighbourhood.", valueName: "zone"),
    transform: { try checked($0) as Zone })
  var zone = Zone.default

  @Option(help: ArgumentHelp("Its latitude, in degrees.", valueName: "degrees"))
  var lat: Double?

  @Option(help: ArgumentHelp("Its longitude, in degrees.", valueName: "degrees"))
  var lon: Double?

  func validate() throws {
    guard (lat == nil) == (lon == nil) else {
      throw ValidationError("--lat and --lon belong together")
    }
    _ = try coordinates
  }

  private var coordinates: Coordinates? {
    get throws {
      guard let lat, let lon else { return nil }
      do {
        return try Coordinates(latitude: lat, longitude: lon)
      } catch {
        throw ValidationError("\(error)")
      }
    }
  }

  var location: NodeLocation {
    get throws { NodeLocation(zone: zone, coordinates: try coordinates) }
  }
}
