/// Gives equal values the same small number, so that columns hold numbers and a value is compared once
/// for all nodes that share it. A value that nobody uses any more gives its number back: there are never
/// more than uses.
struct Interner<Value: Hashable & Sendable>: Sendable {
  private var slots: [Value: Int32] = [:]
  /// By slot; `nil` for what stands for itself alone, and for free slots.
  private(set) var values: ContiguousArray<Value?> = []
  private var uses: ContiguousArray<Int> = []
  private var vacant: [Int32] = []

  /// Slots so far, those that are free counted.
  var count: Int { values.count }

  /// Slots that somebody uses.
  var used: Int { values.count - vacant.count }

  func slot(of value: Value) -> Int32? { slots[value] }

  /// One more uses a value. `nil` is equal to nothing, not even to itself.
  mutating func retain(_ value: Value?) -> Int32 {
    if let value, let known = slots[value] {
      uses[Int(known)] += 1
      return known
    }
    let slot: Int32
    if let free = vacant.popLast() {
      slot = free
    } else {
      slot = Int32(values.count)
      values.append(nil)
      uses.append(0)
    }
    values[Int(slot)] = value
    uses[Int(slot)] = 1
    if let value { slots[value] = slot }
    return slot
  }

  /// One less uses it.
  mutating func release(_ slot: Int32) {
    let index = Int(slot)
    uses[index] -= 1
    guard uses[index] == 0 else { return }
    if let value = values[index] { slots[value] = nil }
    values[index] = nil
    vacant.append(slot)
  }
}
