/// Which nodes measure the way to each other: each with some that are next to it in a ring, and some that are
/// farther and farther away in it, so that every zone is measured from everywhere through few steps.
///
/// It is the same from both ends: whoever is asked for an echo expects it.
public enum EchoNeighbours {
  /// Steps in one direction; each node has at most twice as many neighbours.
  public static let mostSteps = 6

  /// The places in the ring of whom a place measures, sorted.
  ///
  /// - Parameters:
  ///   - place: from 0 on.
  ///   - count: of all places.
  public static func of(_ place: Int, among count: Int) -> [Int] {
    guard count > 1, (0..<count).contains(place) else { return [] }
    var found: Set<Int> = []
    for step in steps(among: count) {
      found.insert((place + step) % count)
      found.insert((place - step + count) % count)
    }
    found.remove(place)
    return found.sorted()
  }

  /// 1, and the halves of the ring: a half, a quarter, ...
  private static func steps(among count: Int) -> [Int] {
    [1] + (1..<mostSteps).map { count >> $0 }.filter { $0 > 1 }
  }
}
