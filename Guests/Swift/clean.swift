// Takes readings as lines `year,month,celsius`, drops what cannot be one, and gives the rest as JSON,
// one object a line. A batch with nothing left gives nothing.

private let plausibleYears = 1850...2200
private let plausibleMonths = 1...12
/// Sea water: from its freezing point to warmer than any ocean, in thousandths of a degree.
private let plausibleTemperatures = -2_000...45_000
private let longestInput = 1 << 20

@_expose(wasm, "_start")
@_cdecl("_start")
func start() {
  let input = WASI.readInput(limit: longestInput)
  var output: [UInt8] = []
  for line in input.split(separator: UInt8(ascii: "\n")) {
    guard let reading = Reading(commaSeparated: line), isPlausible(reading) else {
      WASI.log("dropped a line that is no plausible reading")
      continue
    }
    if !output.isEmpty { output.append(UInt8(ascii: "\n")) }
    reading.writeJSON(to: &output)
  }
  if !output.isEmpty { WASI.write(output) }
}

private func isPlausible(_ reading: Reading) -> Bool {
  plausibleYears.contains(reading.year) && plausibleMonths.contains(reading.month)
    && plausibleTemperatures.contains(reading.temperature)
}
