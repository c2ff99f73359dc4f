import ArgumentParser
import ClusterModel

/// Turns an argument into a checked text, for `transform:`.
///
/// - Throws: `ValidationError`, which is wrong usage, with the rule that was broken.
func checked<Text: ValidatedText>(_ argument: String) throws -> Text {
  do {
    return try Text(argument)
  } catch {
    throw ValidationError(error.description)
  }
}

/// A duration on the command line: `500ms`, `30s`, `2m`, `1h`, `7d`.
struct DurationArgument: ExpressibleByArgument {
  let duration: Duration

  init?(argument: String) {
    let units: [(String, Duration)] = [
      ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
      ("d", .seconds(86_400)),
    ]
    for (name, unit) in units where argument.hasSuffix(name) {
      guard let count = Int(argument.dropLast(name.count)), (0...86_400_000).contains(count) else {
        continue
      }
      duration = unit * count
      return
    }
    return nil
  }

  init(_ duration: Duration) { self.duration = duration }

  var defaultValueDescription: String { "\(duration.nanoseconds / 1_000_000_000)s" }
}
