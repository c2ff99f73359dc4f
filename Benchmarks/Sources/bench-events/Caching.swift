import ClusterModel
import HostPorts
import Measuring
import NodeAgent
import Synchronization

/// Reads and writes of a node's cache that holds a million keys, in turns with a dictionary under a lock.
/// Each looks at keys all over, so both mostly wait for memory.
struct Caching: Encodable {
  let keys: Int
  /// Nanoseconds each, of each round.
  let dictionaryRead: Spread
  let cacheRead: Spread
  let readRatio: Spread
  /// Of an array of the same values, in which the place of each is known: what memory alone takes.
  let arrayRead: Spread
  let dictionaryWrite: Spread
  let cacheWrite: Spread
  let writeRatio: Spread
  let reads: Int

  static let rounds = 7
  private static let bucket = BucketName(unchecked: "b")

  init(keys count: Int, reads: Int) async throws {
    let keys = (0..<count).map { StateKey(unchecked: "sensor/\($0)") }
    let state = Memory(keys.count)
    let cache = StateCache(state, clock: Sample.clock, capacity: .gibibytes(2))
    guard let bucket = cache.bucket(Self.bucket, of: .default) else {
      throw MeasuringFailed("the cache takes no bucket")
    }
    try await Self.warm(bucket, state, keys[0])
    let dictionary = Mutex<[String: [UInt8]]>([:])
    for (index, key) in keys.enumerated() {
      dictionary.withLock { $0[key.text] = Memory.value(index) }
      _ = try await bucket.entry(key)
    }
    let values = Mutex((0..<count).map { Memory.value($0) })
    let order = Self.order(keys.count, reads / Self.rounds)
    var arrays: [Double] = []
    var (plain, cached, ratios): ([Double], [Double], [Double]) = ([], [], [])
    var (plainWrites, cachedWrites, writeRatios): ([Double], [Double], [Double]) = ([], [], [])
    for _ in 0..<Self.rounds {
      let one = try Self.readDictionary(dictionary, keys, order)
      let two = try await Self.readCache(bucket, keys, order)
      arrays.append(try Self.readArray(values, order))
      plain.append(one)
      cached.append(two)
      ratios.append(two / one)
      let three = Self.writeDictionary(dictionary, keys, order)
      let four = try await Self.writeCache(bucket, keys, order)
      plainWrites.append(three)
      cachedWrites.append(four)
      writeRatios.append(four / three)
    }
    cache.close()
    self.keys = count
    self.reads = order.count * Self.rounds
    dictionaryRead = Spread(plain)
    cacheRead = Spread(cached)
    readRatio = Spread(ratios)
    arrayRead = Spread(arrays)
    dictionaryWrite = Spread(plainWrites)
    cacheWrite = Spread(cachedWrites)
    writeRatio = Spread(writeRatios)
  }

  /// Until the bucket is known to be a cached one, and serves from memory.
  private static func warm(_ bucket: CachedBucket, _ state: Memory, _ key: StateKey) async throws {
    for _ in 0..<100_000 {
      let before = state.reads
      _ = try await bucket.entry(key)
      if state.reads == before { return }
      await Task.yield()
    }
    throw MeasuringFailed("the cache remembers nothing")
  }

  /// Keys all over, the same ones for both.
  private static func order(_ keys: Int, _ count: Int) -> [Int] {
    var state: UInt64 = 7
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(keys))
    }
  }

  private static func each(_ count: Int, _ start: Int64) -> Double {
    Double(Measuring.clock() - start) / Double(count)
  }

  private static func readDictionary(
    _ dictionary: borrowing Mutex<[String: [UInt8]]>, _ keys: [StateKey], _ order: [Int]
  ) throws -> Double {
    var bytes = 0
    let start = Measuring.clock()
    for index in order {
      bytes += dictionary.withLock { $0[keys[index].text] }?.count ?? 0
    }
    let time = each(order.count, start)
    guard bytes == order.count * Memory.valueSize else { throw MeasuringFailed("keys are missing") }
    return time
  }

  private static func readArray(
    _ values: borrowing Mutex<[[UInt8]]>, _ order: [Int]
  ) throws -> Double {
    var bytes = 0
    let start = Measuring.clock()
    for index in order { bytes += values.withLock { $0[index] }.count }
    let time = each(order.count, start)
    guard bytes == order.count * Memory.valueSize else { throw MeasuringFailed("keys are missing") }
    return time
  }

  private static func readCache(
    _ bucket: CachedBucket, _ keys: [StateKey], _ order: [Int]
  ) async throws -> Double {
    var bytes = 0
    let start = Measuring.clock()
    for index in order { bytes += try await bucket.entry(keys[index])?.value.count ?? 0 }
    let time = each(order.count, start)
    guard bytes == order.count * Memory.valueSize else { throw MeasuringFailed("keys are missing") }
    return time
  }

  private static func writeDictionary(
    _ dictionary: borrowing Mutex<[String: [UInt8]]>, _ keys: [StateKey], _ order: [Int]
  ) -> Double {
    let start = Measuring.clock()
    for index in order {
      let value = Memory.value(index)
      dictionary.withLock { $0[keys[index].text] = value }
    }
    return each(order.count, start)
  }

  /// A write of a cache is to forget a key, and to remember what is read then.
  private static func writeCache(
    _ bucket: CachedBucket, _ keys: [StateKey], _ order: [Int]
  ) async throws -> Double {
    let start = Measuring.clock()
    for index in order {
      bucket.forget(keys[index])
      _ = try await bucket.entry(keys[index])
    }
    return each(order.count, start)
  }

  var text: String {
    """
    A node's cache that holds \(keys) keys, nanoseconds each, \(reads) of each, keys all over, one thread. \
    The median of \(Self.rounds) rounds (the least to the most).

    | | array under a lock, by place | dictionary under a lock | cache | cache / dictionary |
    |---|---|---|---|---|
    | read | \(Spread.whole(arrayRead)) | \(Spread.whole(dictionaryRead)) | \(Spread.whole(cacheRead)) | \(readRatio.text) |
    | write | | \(Spread.whole(dictionaryWrite)) | \(Spread.whole(cacheWrite)) | \(writeRatio.text) |

    """
  }
}

/// State in memory, of which a cached bucket is read.
private final class Memory: GuestState {
  static let valueSize = 64
  private let count: Int
  private let asked = Atomic<Int>(0)

  init(_ count: Int) { self.count = count }

  var reads: Int { asked.load(ordering: .relaxed) }

  static func value(_ number: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: valueSize)
  }

  func entry(
    _ key: StateKey, in bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> StateEntry? {
    asked.add(1, ordering: .relaxed)
    return StateEntry(
      key: key, value: Self.value(key.text.utf8.count), revision: StateRevision(1),
      modifiedAt: WallInstant(microseconds: 0), expiresAt: nil)
  }

  func entries(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after: StateKey?, limit: Int
  ) async throws(Problem) -> [StateEntry] { [] }

  func position(
    of bucket: BucketName, of namespace: Namespace
  ) async throws(Problem) -> BucketPosition {
    BucketPosition(
      bucket: Bucket(name: bucket, consistency: .cached(staleness: .seconds(3600))),
      revision: StateRevision(1))
  }

  func changes(
    in bucket: BucketName, of namespace: Namespace, prefix: String, after revision: StateRevision?,
    patience: Duration
  ) async throws(Problem) -> [StateChange] {
    // Nothing is ever written; cancelled when the cache is closed.
    try? await Task.sleep(for: patience)
    return []
  }
}
