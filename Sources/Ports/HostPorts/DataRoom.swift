public import ClusterModel

/// Where what is to be kept finds room, or is refused. Asked before each write that makes the data folder grow,
/// so that an answer costs no look at the disk.
public protocol DataRoom: Sendable {
  /// What is taken, as it was measured lately; `nil` where nothing is measured.
  var usage: DataUsage? { get }
  /// Takes room, which is given back by the next measurement when it was not used.
  ///
  /// - Throws: ``Problem`` `data_quota_reached`.
  func take(_ size: ByteCount, for purpose: DataPurpose) throws(Problem)
}

/// Room without a bound that nobody measures.
public struct UnboundedRoom: DataRoom {
  public init() {}
  public var usage: DataUsage? { nil }
  public func take(_ size: ByteCount, for purpose: DataPurpose) throws(Problem) {}
}
