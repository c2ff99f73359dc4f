public import ClusterModel

/// A folder that an activation finds open.
public struct GuestFolder: Hashable, Sendable {
  public enum Source: Hashable, Sendable {
    /// A folder of this machine. Only for what its user runs by hand.
    case host(path: String, isReadOnly: Bool)
    /// An empty one that is gone with the instance.
    case scratch(ScratchLimits)
    /// The files that were packed into the module, for reading.
    case bundle
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
    let scratch = capabilities.files?.scratch.map {
      GuestFolder(path: $0.path.text, source: .scratch($0.limits))
    }
    let bundle = capabilities.files?.bundle.map { GuestFolder(path: $0.text, source: .bundle) }
    return [scratch, bundle].compactMap { $0 }
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
