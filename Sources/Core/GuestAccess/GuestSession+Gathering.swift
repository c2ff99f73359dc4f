import ClusterModel

// Writes that are gathered. Those to one key become one where that makes no difference: a guest may add to a
// long value a thousand times, and the store writes it once.
extension GuestSession {
  mutating func gather(_ write: StateWrite) -> GuestAnswer {
    do throws(Problem) {
      if case .merge(let function, let operand) = write.action, function != .append {
        // What is no number is none whatever is there.
        _ = try function.merge(nil, with: operand)
      }
      guard let index = written[write.bucket]?[write.key]?.last,
        try combine(write.action, into: index)
      else {
        written[write.bucket, default: [:]][write.key, default: []].append(effects.writes.count)
        effects.writes.append(write)
        return .done
      }
      return .done
    } catch {
      return .refused(error)
    }
  }

  /// - Returns: whether the write at `index` now does both; its condition stays.
  private mutating func combine(
    _ action: StateWrite.Action, into index: Int
  ) throws(Problem) -> Bool {
    switch (effects.writes[index].action, action) {
    case (_, .set), (_, .delete): effects.writes[index].action = action
    case (.set(var value), .merge(.append, let operand)):
      // Let go of first, so that it is not copied.
      effects.writes[index].action = .delete
      value.append(contentsOf: operand)
      effects.writes[index].action = .set(value)
    case (.merge(.append, var first), .merge(.append, let second)):
      effects.writes[index].action = .delete
      first.append(contentsOf: second)
      effects.writes[index].action = .merge(.append, first)
    case (.set(let value), .merge(let function, let operand)):
      effects.writes[index].action = .set(try function.merge(value, with: operand))
    case (.delete, .merge(let function, let operand)):
      effects.writes[index].action = .set(try function.merge(nil, with: operand))
    case (.merge(let function, let first), .merge(let other, let second)) where function == other:
      // A sum that is too large may still fit what is there: the store will see.
      guard let both = try? function.merge(first, with: second) else { return false }
      effects.writes[index].action = .merge(function, both)
    case (.merge, .merge): return false
    }
    return true
  }
}
