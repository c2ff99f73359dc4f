/// How an invocation ended, as a client hears it.
public enum InvocationOutcome: Hashable, Sendable {
  case succeeded(InvocationResult)
  /// The module ran and failed; the problem's ``ProblemResource/failure`` says how.
  case failed(ProblemResource)
}

/// What a module answered, and what it used.
public struct InvocationResult: Hashable, Sendable {
  /// Standard output.
  public var output: [UInt8]
  /// On a worker; `nil` when the server did not say.
  public var cpuTime: Duration?
  /// From start to end; `nil` when the server did not say.
  public var wallTime: Duration?

  public init(output: [UInt8], cpuTime: Duration?, wallTime: Duration?) {
    self.output = output
    self.cpuTime = cpuTime
    self.wallTime = wallTime
  }
}

/// The headers of this API that no standard has.
public enum APIHeader {
  /// Base64 of signature data outside the module, with a push.
  public static let signature = "Wasmatrix-Signature"
  /// The namespace of the request; `?namespace=` says the same.
  public static let namespace = "Wasmatrix-Namespace"
  /// The zone of whoever invokes.
  public static let callerZone = "Wasmatrix-Caller-Zone"
  /// Where whoever invokes is: `48.2,16.4`, degrees of latitude and longitude.
  public static let callerPlace = "Wasmatrix-Caller-Place"
  /// Microseconds.
  public static let cpuTime = "Wasmatrix-Cpu-Time-Us"
  /// Microseconds.
  public static let wallTime = "Wasmatrix-Wall-Time-Us"
}
