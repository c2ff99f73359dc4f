public import ClusterModel

/// Bounds what refused requests cost: answers to one address, and lines in the audit log.
///
/// Whoever shows what is right is never held up by it: it counts refusals alone.
public struct RefusalLimits: Sendable {
  /// A bucket that fills with time.
  private struct Bucket {
    var left: Double
    var at: MonotonicInstant
  }

  /// Refusals that one address is told the reason of at once, and how fast it may have more.
  static let addressBurst = 20.0
  static let addressPerSecond = 0.5
  /// Addresses that are remembered; with more the one that was refused longest ago is forgotten.
  static let maximumAddresses = 1024
  /// Refusals that are on record one by one, and how fast more are: the log must not be filled by strangers.
  static let recordBurst = 50.0
  static let recordPerSecond = 0.1

  private var addresses: [String: Bucket] = [:]
  private var record = Bucket(left: recordBurst, at: MonotonicInstant(nanoseconds: 0))
  private var unrecorded = 0

  public init() {}

  /// Addresses that are remembered.
  var addressCount: Int { addresses.count }

  /// A request was refused.
  ///
  /// - Returns: whether the address is told why; else it is told to slow down.
  public mutating func refuse(_ address: String, at now: MonotonicInstant) -> Bool {
    if addresses[address] == nil, addresses.count >= Self.maximumAddresses,
      let oldest = addresses.min(by: { ($0.value.at, $0.key) < ($1.value.at, $1.key) })
    {
      addresses[oldest.key] = nil
    }
    var bucket = addresses[address] ?? Bucket(left: Self.addressBurst, at: now)
    let isTold = Self.take(&bucket, Self.addressBurst, Self.addressPerSecond, now)
    addresses[address] = bucket
    return isTold
  }

  /// What an address is told instead of why.
  public static func tooMany(from address: String) -> Problem {
    Problem(
      .overloaded, code: "refusals_too_many", "too many requests from \(address) were refused",
      next: "Wait a little, and use a token that is good.", retryAfter: .seconds(2))
  }

  /// Whether a refusal is put on record; with how many before it were not.
  public mutating func recordRefusal(at now: MonotonicInstant) -> Int? {
    guard Self.take(&record, Self.recordBurst, Self.recordPerSecond, now) else {
      unrecorded += 1
      return nil
    }
    defer { unrecorded = 0 }
    return unrecorded
  }

  private static func take(
    _ bucket: inout Bucket, _ burst: Double, _ perSecond: Double, _ now: MonotonicInstant
  ) -> Bool {
    let elapsed = max(0, (now - bucket.at).milliseconds / 1000)
    bucket.left = min(burst, bucket.left + elapsed * perSecond)
    bucket.at = now
    guard bucket.left >= 1 else { return false }
    bucket.left -= 1
    return true
  }
}
