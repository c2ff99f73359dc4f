import ArgumentParser
import ClusterModel
import ControlAPIClient
import ControlAPIModel

struct InvokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invoke",
    abstract: "Run a module now, and print its result.",
    discussion: """
      The data is the module's standard input; its standard output comes out as it is. When the \
      module fails, its error and what it wrote to standard error are shown, and the exit status \
      is 1.

      EXAMPLE
        wasmatrix invoke clean --data '{"celsius": 21.5}'
        wasmatrix invoke clean --data @reading.json
        cat reading.json | wasmatrix invoke clean --data -
      """)

  @Argument(
    help: ArgumentHelp("The module.", valueName: "name"),
    transform: { try checked($0) as ModuleName })
  var name: ModuleName

  @OptionGroup var data: DataOptions
  @OptionGroup var server: ServerOptions

  @Flag(help: "Print a JSON object with the result and what it used.")
  var json = false
}
