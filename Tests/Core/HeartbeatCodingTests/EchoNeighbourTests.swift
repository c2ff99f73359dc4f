import ClusterModel
import HeartbeatCoding
import PropertyTesting
import Testing

@Suite struct EchoNeighbourTests {
  @Test func `whom a node measures measures it and nobody measures itself or too many`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 28: echoes are exchanged between two", cases: 300,
      Generator<Int>.int(in: 0...400)
    ) { count in
      let all = (0..<count).map { EchoNeighbours.of($0, among: count) }
      return all.indices.allSatisfy { place in
        let neighbours = all[place]
        return !neighbours.contains(place)
          && neighbours.count <= 2 * EchoNeighbours.mostSteps
          && neighbours.allSatisfy { all[$0].contains(place) }
          && (count < 2 || !neighbours.isEmpty)
      }
    }
  }

  @Test func `in a small fleet everybody measures everybody`() {
    for count in 2...5 {
      for place in 0..<count {
        #expect(EchoNeighbours.of(place, among: count).count == count - 1)
      }
    }
    #expect(EchoNeighbours.of(7, among: 3).isEmpty)
  }

  @Test func `both ends of a pair are told the same and every start something else`() {
    var random = SystemRandomNumberGenerator()
    let secrets = PairSecrets(using: &random)
    let one = (node: NodeID(unchecked: "a"), incarnation: Incarnation(1))
    let other = (node: NodeID(unchecked: "b"), incarnation: Incarnation(7))
    let pair = secrets.session(one, other)
    let again = secrets.session(other, one)
    #expect(pair.session == again.session && pair.first == one.node && again.first == one.node)
    let later = secrets.session((node: one.node, incarnation: Incarnation(2)), other)
    #expect(later.session.id != pair.session.id && later.session.key != pair.session.key)
    #expect(PairSecrets(using: &random).session(one, other).session.key != pair.session.key)
  }
}
