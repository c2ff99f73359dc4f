import ClusterModel

/// Finds items by hashes: open addressing, at most five in eight places taken. The items lie in the places
/// themselves, so that a search mostly looks at one place in memory that is elsewhere, and not at two.
struct CacheTable {
  /// Looked at in place: to take one out copies all of it.
  var items = ContiguousArray(repeating: CacheItem.free, count: 16)
  private(set) var count = 0

  private var mask: Int { items.count - 1 }

  @inline(__always)
  func place(of key: CachedKey) -> Int? {
    var index = Int(UInt32(truncatingIfNeeded: key.hash)) & mask
    while items[index].isTaken {
      if items[index].isOf(key) { return index }
      index = (index + 1) & mask
    }
    return nil
  }

  /// What lies there, now that somebody asked for it.
  mutating func wanted(at place: Int) -> StateEntry? {
    if !items[place].isWanted { items[place].isWanted = true }
    return items[place].entry
  }

  /// - Precondition: there is none with this key.
  mutating func insert(_ item: CacheItem) {
    if (count + 1) * 8 > items.count * 5 { grow() }
    put(item)
    count += 1
  }

  /// Those behind it that were pushed on by it move up, so that no search ends before them.
  mutating func remove(at place: Int) {
    var hole = place
    var next = (hole + 1) & mask
    while items[next].isTaken {
      let home = Int(items[next].tag) & mask
      if (next - home) & mask >= (next - hole) & mask {
        items[hole] = items[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    items[hole] = .free
    count -= 1
  }

  private mutating func put(_ item: CacheItem) {
    var index = Int(item.tag) & mask
    while items[index].isTaken { index = (index + 1) & mask }
    items[index] = item
  }

  private mutating func grow() {
    let old = items
    items = ContiguousArray(repeating: .free, count: old.count * 2)
    for item in old where item.isTaken { put(item) }
  }
}
