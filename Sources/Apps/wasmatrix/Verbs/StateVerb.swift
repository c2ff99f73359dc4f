import ArgumentParser

struct StateVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state",
    abstract: "State outside of modules: buckets, keys, values.",
    discussion: """
      EXAMPLE
        wasmatrix state create stock --ttl 24h
        wasmatrix state set stock bolts/m8 250
        wasmatrix state get stock bolts/m8
        wasmatrix state cas stock bolts/m8 249 --revision 1
        wasmatrix state watch stock --prefix bolts/
      """,
    subcommands: [
      StateBuckets.self, StateCreate.self, StateRemove.self, StateList.self, StateGet.self,
      StateSet.self, StateCompareAndSet.self, StateMerge.self, StateDelete.self, StateWatch.self,
    ])
}
