/// The random decisions that made a value, in order. A value is made smaller by making its decisions
/// smaller and fewer and generating again, so that every generator shrinks without doing anything for
/// it, and a shrunk value is always one that the generator could have made.
public struct Choices {
  private var random: SeededRandom
  private let replayed: [UInt64]?
  /// What was decided so far.
  private(set) var made: [UInt64] = []

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    replayed = nil
  }

  init(replaying choices: [UInt64]) {
    random = SeededRandom(seed: 0)
    replayed = choices
  }

  /// A number from 0 to `bound`, both included; 0 when a replay has run out.
  public mutating func next(upTo bound: UInt64) -> UInt64 {
    let choice: UInt64
    if let replayed {
      choice = made.count < replayed.count ? min(replayed[made.count], bound) : 0
    } else {
      choice = bound == .max ? random.next() : UInt64.random(in: 0...bound, using: &random)
    }
    made.append(choice)
    return choice
  }
}
