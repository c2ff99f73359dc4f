import ArgumentParser

struct EventsVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events",
    abstract: "Follow events, and look after those that could not be handled.",
    discussion: """
      EXAMPLE
        wasmatrix events tail 'sensors/#'
        wasmatrix events replay --from 1200
        wasmatrix events dead list
        wasmatrix events dead replay 17
      """,
    subcommands: [EventsTail.self, EventsReplay.self, Dead.self])

  struct Dead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "dead",
      abstract: "Dead letters: deliveries that failed for good and were put aside.",
      discussion: """
        EXAMPLE
          wasmatrix events dead list
          wasmatrix events dead show 17
        """,
      subcommands: [
        DeadLetterList.self, DeadLetterShow.self, DeadLetterReplay.self, DeadLetterDrop.self,
      ])
  }
}
