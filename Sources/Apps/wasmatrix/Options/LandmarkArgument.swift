import ArgumentParser
import ClusterModel
import WireProtocol

/// `hall-2=10.0.0.5:443`: the gateway of a zone.
enum LandmarkArgument {
  /// Each is measured now and then; a node is near to few.
  static let most = 16

  static func parse(_ text: String) throws -> Landmark {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, let address = ListenAddress(argument: parts[1]), address.port > 0 else {
      throw ValidationError("a landmark is ZONE=HOST:PORT")
    }
    return Landmark(try checked(parts[0]) as Zone, host: address.host, port: address.port)
  }
}
