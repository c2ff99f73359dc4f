public import ClusterModel

/// Which nodes run what a deployment allows.
///
///                         the node runs
///     allowed       x86_64   aarch64   riscv64   only portable
///     (anything)    native   native    native    portable
///     x86_64        native   -         -         -
///     aarch64       -        native    -         -
///     riscv64       -        -         native    -
///     portable      portable where the node runs portable code
///     x86_64 + portable: native on x86_64, else portable where the node runs it
///
/// Portable bytecode is the last resort: a node that could only run it so loses to every node that runs
/// it natively, whatever the other scores are.
public enum CompatibilityMatrix {
  public enum Fit: UInt8, Hashable, Comparable, Sendable {
    case native, portable, none
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  /// - Parameters:
  ///   - allowed: what a deployment allows; empty for anything.
  ///   - offered: what a node runs.
  public static func fit(_ allowed: [Architecture], _ offered: [Architecture]) -> Fit {
    fit(mask(allowed), mask(offered))
  }

  static func mask(_ architectures: [Architecture]) -> UInt8 {
    architectures.reduce(0) { $0 | bit($1) }
  }

  private static func bit(_ architecture: Architecture) -> UInt8 {
    switch architecture {
    case .x86_64: 1
    case .aarch64: 2
    case .riscv64: 4
    case .portable: portable
    }
  }

  static let portable: UInt8 = 128

  /// Whether a node may be chosen that only runs portable code.
  static func allowsPortable(_ allowed: [Architecture]) -> Bool {
    allowed.isEmpty || allowed.contains(.portable)
  }

  @inline(__always)
  static func fit(_ allowed: UInt8, _ offered: UInt8) -> Fit {
    let wanted = allowed == 0 ? 0xff : allowed
    let common = wanted & offered
    if common & ~portable != 0 { return .native }
    return common != 0 ? .portable : .none
  }
}
