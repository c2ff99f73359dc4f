/// Makes values of a kind out of random choices. Smaller choices make simpler values.
///
/// `@unchecked Sendable`: a generator is a pure function of its choices; what its closure captures is
/// only read.
public struct Generator<Value>: @unchecked Sendable {
  private let make: (inout Choices) -> Value

  public init(_ make: @escaping (inout Choices) -> Value) { self.make = make }

  /// One value.
  public func generate(_ choices: inout Choices) -> Value { make(&choices) }

  public func map<Other>(_ transform: @escaping (Value) -> Other) -> Generator<Other> {
    Generator<Other> { transform(make(&$0)) }
  }

  public func flatMap<Other>(
    _ transform: @escaping (Value) -> Generator<Other>
  ) -> Generator<Other> {
    Generator<Other> { choices in
      let value = make(&choices)
      return transform(value).generate(&choices)
    }
  }

  /// Arrays of these, with a length in `count`.
  public func array(count: ClosedRange<Int>) -> Generator<[Value]> {
    Generator<[Value]> { choices in
      let length = Generator<Int>.int(in: count).generate(&choices)
      return (0..<length).map { _ in make(&choices) }
    }
  }

  /// These, or nothing.
  public func optional() -> Generator<Value?> {
    Generator<Value?> { $0.next(upTo: 3) == 0 ? nil : make(&$0) }
  }

  public static func constant(_ value: Value) -> Generator { Generator { _ in value } }

  /// One of some values; shrinks towards the first.
  public static func element(of values: [Value]) -> Generator {
    Generator { values[Int($0.next(upTo: UInt64(values.count - 1)))] }
  }

  /// What one of some generators makes; shrinks towards the first.
  public static func oneOf(_ generators: [Generator]) -> Generator {
    Generator { choices in
      generators[Int(choices.next(upTo: UInt64(generators.count - 1)))].generate(&choices)
    }
  }
}

extension Generator where Value: FixedWidthInteger {
  /// Integers in a range; shrinks towards its lower end.
  public static func int(in range: ClosedRange<Value>) -> Generator {
    // Through the unsigned type of the same size: -100...100 is wider than an Int8 can say.
    let width = UInt64(
      Value.Magnitude(truncatingIfNeeded: range.upperBound &- range.lowerBound))
    return Generator { range.lowerBound &+ Value(truncatingIfNeeded: $0.next(upTo: width)) }
  }
}

extension Generator where Value == Bool {
  /// Shrinks towards `false`.
  public static var bool: Generator { Generator { $0.next(upTo: 1) == 1 } }
}

extension Generator where Value == [UInt8] {
  /// Any bytes, with a length in `count`.
  public static func bytes(count: ClosedRange<Int>) -> Generator {
    Generator<UInt8>.int(in: 0...255).array(count: count)
  }
}

extension Generator where Value == String {
  /// Texts over an alphabet, with a number of characters in `count`.
  public static func string(of alphabet: String, count: ClosedRange<Int>) -> Generator {
    Generator<Character>.element(of: Array(alphabet)).array(count: count).map { String($0) }
  }
}

/// Values of two generators, together.
public func zip<First, Second>(
  _ first: Generator<First>, _ second: Generator<Second>
) -> Generator<(First, Second)> {
  Generator { (first.generate(&$0), second.generate(&$0)) }
}

/// Values of three generators, together.
public func zip<First, Second, Third>(
  _ first: Generator<First>, _ second: Generator<Second>, _ third: Generator<Third>
) -> Generator<(First, Second, Third)> {
  Generator { (first.generate(&$0), second.generate(&$0), third.generate(&$0)) }
}

extension Generator {
  /// One value made from a seed, outside of a property.
  public func sample(seed: UInt64) -> Value {
    var choices = Choices(seed: seed)
    return make(&choices)
  }
}
