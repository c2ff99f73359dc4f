public import ClusterModel

/// A folder that an activation finds open.
public struct GuestFolder: Hashable, Sendable {
  public enum Source: Hashable, Sendable {
    /// A folder of this machine. Only for what its user runs by hand.
    case host(path: String, isReadOnly: Bool)
    /// An empty one that is gone with the instance.
    case scratch(ScratchLimits)
  }

  /// Where the guest finds it: `/tmp`.
  public var path: String
  public var source: Source

  public init(path: String, source: Source) {
    self.path = path
    self.source = source
  }
}

extension GuestFolder {
  /// The folders that a deployment is granted.
  public static func granted(by capabilities: CapabilityGrants) -> [GuestFolder] {
    guard let scratch = capabilities.files?.scratch else { return [] }
    return [GuestFolder(path: scratch.path.text, source: .scratch(scratch.limits))]
  }
}

/// Where the standard streams of an activation lead.
public enum StandardStreams: Hashable, Sendable {
  /// The input is there as a whole; what the guest writes is gathered, within its limits.
  case gathered
  /// To those of this process: read and written as the guest goes on. The limits of output and log do
  /// not apply, and the report has neither. The engine must have been made for it.
  case process
}
