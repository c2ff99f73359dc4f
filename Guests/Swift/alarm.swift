// Takes one cleaned reading and gives an alarm when it is above the environment's THRESHOLD (degrees
// Celsius), or nothing.

private let longestInput = 64 << 10

@_expose(wasm, "_start")
@_cdecl("_start")
func start() {
  guard let threshold = threshold() else { WASI.fail("THRESHOLD is no temperature") }
  let input = WASI.readInput(limit: longestInput)
  guard let reading = Reading(json: input[...]) else {
    WASI.fail("the input is no cleaned reading")
  }
  guard reading.temperature > threshold else { return }
  var output: [UInt8] = []
  output += "{\"alarm\":\"temperature\",\"threshold\":".utf8
  output.append(thousandths: threshold)
  output += ",\"reading\":".utf8
  reading.writeJSON(to: &output)
  output += "}".utf8
  WASI.write(output)
}

private func threshold() -> Int? {
  guard let text = WASI.variable("THRESHOLD") else { return nil }
  var reader = ByteReader(text[...])
  guard let value = reader.thousandths(), reader.isAtEnd else { return nil }
  return value
}
