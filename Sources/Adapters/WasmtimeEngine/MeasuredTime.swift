extension Duration {
  /// So many nanoseconds, for what is measured: without a look for an overflow that cannot be, which
  /// `nanoseconds(_:)` takes.
  @inline(__always)
  static func measured(_ nanoseconds: Int64) -> Duration {
    Duration(attoseconds: Int128(nanoseconds) &* 1_000_000_000)
  }
}
