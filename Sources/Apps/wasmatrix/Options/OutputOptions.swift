import ArgumentParser

/// How a verb prints its result.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON for programs instead of a table.")
  var json = false
}
