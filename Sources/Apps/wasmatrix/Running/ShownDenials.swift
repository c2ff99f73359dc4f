import ClusterModel
import HostPorts
import Synchronization

/// Tells whoever runs a module by hand what it tries beyond what it is granted.
final class ShownDenials: DenialWatch {
  private struct Seen {
    var count = 0
    /// All different.
    var first: [CapabilityDenial] = []
  }

  private let isQuiet: Bool
  private let state = Mutex(Seen())

  /// More would hide what the module itself says.
  private static let most = 10

  /// - Parameter isQuiet: nothing is written; the report has it.
  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  /// How many there were, and the first of them that differ.
  var seen: (count: Int, first: [CapabilityDenial]) {
    state.withLock { ($0.count, $0.first) }
  }

  func denied(_ denial: CapabilityDenial) -> DenialPolicy {
    let isNew = state.withLock { state in
      state.count += 1
      guard state.first.count < Self.most, !state.first.contains(denial) else { return false }
      state.first.append(denial)
      return true
    }
    if isNew, !isQuiet {
      StandardError.write(
        "wasmatrix: denied: \(denial.call) \(denial.subject.debugDescription): \(denial.reason)\n")
    }
    return .refuse
  }

  /// The module has ended.
  func finish() {
    let (count, first) = seen
    guard count > first.count, !isQuiet else { return }
    StandardError.write("wasmatrix: \(count) calls were denied in all\n")
  }
}
