import PropertyTesting
import Testing

@testable import ModuleCatalog

@Suite struct CatalogPropertyTests {
  private struct Violations: Error { let list: [String] }

  @Test func `whatever is asked and fails in whatever order, memory and store agree at rest`()
    async throws
  {
    let steps = zip(
      Generator<Int>.int(in: 0...17), Generator<Int>.int(in: 0...127), Generator<Bool>.bool
    ).array(count: 0...120)
    try await checkProperty(
      "acknowledged is durable, and what runs is what is deployed and trusted", cases: 500, steps
    ) { steps in
      var simulation = CatalogSimulation()
      for (action, choice, isUnlucky) in steps {
        switch action {
        case 0...2: simulation.push(choice)
        case 3...4: simulation.deploy(choice)
        case 5: simulation.undeploy(choice)
        case 6: simulation.trust(choice)
        case 7 where choice % 4 == 0: simulation.revoke(choice / 4)
        case 8: simulation.rollBack(choice)
        case 9: simulation.change(choice)
        case 10: simulation.scale(choice)
        case _: simulation.finishWork(choice, isLucky: !(isUnlucky && choice % 3 == 0))
        }
      }
      let wrong = simulation.rest()
      guard wrong.isEmpty else { throw Violations(list: wrong) }
      return true
    }
  }
}
