import ArgumentParser
import ClusterModel

struct ForgetVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Forget a node that is gone for good; it is let in no more.",
    discussion: """
      A node that is alive is refused: stop its agent first. With --force it is evicted, as one that \
      was stolen must be: its connection is closed at once, and what it had is placed elsewhere. Its \
      process may run on with what it has; the control plane takes nothing from it any more.

      It may join again with a new token: `wasmatrix token create --join --node NODE`.

      EXAMPLE
        wasmatrix forget press-7
        wasmatrix forget press-7 --force
      """)

  @OptionGroup var arguments: NodeArguments

  @Flag(help: "Evict it if it is alive.")
  var force = false

  func run() async throws {
    if force {
      try await arguments.run(.evict, saying: "is evicted, and let in no more")
    } else {
      try await arguments.run(.forget, saying: "is forgotten, and let in no more")
    }
  }
}
