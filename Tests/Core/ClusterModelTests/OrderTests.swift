import ClusterModel
import Testing

/// What is sorted is sorted in the same way everywhere.
@Suite struct OrderTests {
  private func isAscending<Value: Comparable>(_ values: Value...) -> Bool {
    zip(values, values.dropFirst()).allSatisfy { $0 < $1 && !($1 < $0) && !($0 < $0) }
  }

  @Test func `what is numbered is ordered by its number`() {
    #expect(isAscending(RequestID(1), RequestID(2), RequestID(10)))
    #expect(isAscending(DeliveryID(1), DeliveryID(2), DeliveryID(10)))
    #expect(isAscending(EventOffset(1), EventOffset(2), EventOffset(10)))
    #expect(isAscending(Incarnation(1), Incarnation(2), Incarnation(10)))
    #expect(isAscending(ByteCount(bytes: 1), ByteCount(bytes: 2), ByteCount(bytes: 10)))
    #expect(isAscending(MonotonicInstant(nanoseconds: -1), MonotonicInstant(nanoseconds: 0)))
    #expect(isAscending(WallInstant(microseconds: -1), WallInstant(microseconds: 0)))
  }

  @Test func `what has several parts is ordered by the first that differs`() throws {
    #expect(
      isAscending(
        PersistID(.catalog, 1), PersistID(.catalog, 2), PersistID(.cluster, 1)))
    #expect(
      isAscending(
        PlanVersion(term: 1, counter: 9), PlanVersion(term: 2, counter: 1),
        PlanVersion(term: 2, counter: 2)))
    let (a, b) = (ModuleName(unchecked: "a"), ModuleName(unchecked: "b"))
    let other = Namespace(unchecked: "other")
    let names = [QualifiedName(.default, a), QualifiedName(.default, b), QualifiedName(other, a)]
    #expect(isAscending(names[0], names[1], names[2]))
    #expect(
      isAscending(
        PlacementID(names[0], generation: 2), PlacementID(names[0], generation: 10),
        PlacementID(names[1], generation: 1)))
    #expect(try isAscending(Label("a", "1"), Label("a", "2"), Label("b", "1")))
  }

  @Test func `what is too far away to be counted is as far as can be`() {
    let last = MonotonicInstant(nanoseconds: .max)
    #expect(last + .seconds(1) == last)
    let first = MonotonicInstant(nanoseconds: .min)
    #expect(first + .seconds(-1) == first)
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
    #expect(Duration.seconds(Int64.min).nanoseconds == .min)
    #expect(Duration.milliseconds(1500).nanoseconds == 1_500_000_000)
    #expect(Duration.milliseconds(-1500).nanoseconds == -1_500_000_000)
  }
}
