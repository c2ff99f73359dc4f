import ClusterModel
import ControlAPIModel

/// How far a version is, in words.
enum DistributionText {
  /// `fetching 3 MiB of 10 MiB`, `ready since ...`, `failed: ...`.
  static func stage(_ item: DistributionResource) -> String {
    switch item.stage {
    case .waiting, .compiling: return item.stage.rawValue
    case .fetching:
      let received = ByteCount(bytes: item.receivedBytes ?? 0)
      return "fetching "
        + (item.sizeBytes.map { "\(received) of \(ByteCount(bytes: $0))" } ?? "\(received)")
    case .ready: return "ready" + (item.readySince.map { " since \($0)" } ?? "")
    case .failed: return "failed: \(item.problem?.detail ?? "")"
    }
  }
}
