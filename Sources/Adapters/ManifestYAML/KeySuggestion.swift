/// Guesses which key was meant.
enum KeySuggestion {
  /// The known key that is nearest to `key`, when it is near enough: few typing errors away, or one
  /// begins with the other. The first of equally near ones.
  static func nearest(to key: String, among known: [String]) -> String? {
    let longest = 40  // No key is longer; bounds the work on hostile ones.
    guard key.utf8.count <= longest else { return nil }
    let wanted = key.lowercased()
    var best: (key: String, distance: Int)?
    for candidate in known {
      let distance = distance(Array(wanted.utf8), Array(candidate.utf8))
      let near = distance <= max(1, min(candidate.utf8.count, 9) / 3)
      let begins =
        min(wanted.utf8.count, candidate.utf8.count) >= 3
        && (candidate.hasPrefix(wanted) || wanted.hasPrefix(candidate))
      if near || begins, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.key
  }

  /// How many letters to insert, remove, replace, or swap with their neighbour.
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
        var least = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          least = min(least, beforeLast[column - 1] + 1)
        }
        current.append(least)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
