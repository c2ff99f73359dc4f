/// Finds slots by hashes: open addressing, a place of eight bytes each, at most half of them taken. What
/// lies in a slot is looked at only when 32 bits of its hash fit, so that a search costs one look at memory
/// that is elsewhere, and one at the slot.
struct CacheTable {
  private struct Place {
    /// The lower bits of the hash; those of them that choose a place, too.
    var tag: UInt32
    /// The slot and one; 0 for nothing.
    var occupant: UInt32

    static let empty = Place(tag: 0, occupant: 0)
  }

  private var places = ContiguousArray(repeating: Place.empty, count: 16)
  private var count = 0

  private var mask: Int { places.count - 1 }

  /// The slot that has this hash and fits.
  @inline(__always)
  func slot(of hash: UInt64, where fits: (Int) -> Bool) -> Int? {
    place(of: hash, where: fits).map { Int(places[$0].occupant) - 1 }
  }

  /// - Precondition: it is not in there.
  mutating func insert(_ slot: Int, hash: UInt64) {
    if (count + 1) * 2 > places.count { grow() }
    put(Place(tag: UInt32(truncatingIfNeeded: hash), occupant: UInt32(slot + 1)))
    count += 1
  }

  /// Those behind it that were pushed on by it move up, so that no search ends before them.
  mutating func remove(_ slot: Int, hash: UInt64) {
    guard var hole = place(of: hash, where: { $0 == slot }) else {
      preconditionFailure("what is removed is there")
    }
    var next = (hole + 1) & mask
    while places[next].occupant != 0 {
      let home = Int(places[next].tag) & mask
      if (next - home) & mask >= (next - hole) & mask {
        places[hole] = places[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    places[hole] = .empty
    count -= 1
  }

  @inline(__always)
  private func place(of hash: UInt64, where fits: (Int) -> Bool) -> Int? {
    let tag = UInt32(truncatingIfNeeded: hash)
    var index = Int(tag) & mask
    while true {
      let place = places[index]
      if place.occupant == 0 { return nil }
      if place.tag == tag, fits(Int(place.occupant) - 1) { return index }
      index = (index + 1) & mask
    }
  }

  private mutating func put(_ place: Place) {
    var index = Int(place.tag) & mask
    while places[index].occupant != 0 { index = (index + 1) & mask }
    places[index] = place
  }

  private mutating func grow() {
    let old = places
    places = ContiguousArray(repeating: .empty, count: old.count * 2)
    for place in old where place.occupant != 0 { put(place) }
  }
}
