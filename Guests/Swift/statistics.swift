// Takes a batch of cleaned readings, one JSON object a line, and gives its count, mean, standard
// deviation (of a sample), least and greatest temperature.

private let longestInput = 1 << 20
/// Keeps the sums below 64 bits: 5,000 readings of at most 100,000 thousandths.
private let mostReadings = 5_000
private let greatestTemperature = 100_000

@_expose(wasm, "_start")
@_cdecl("_start")
func start() {
  let input = WASI.readInput(limit: longestInput)
  var temperatures: [Int] = []
  for line in input.split(separator: UInt8(ascii: "\n")) {
    guard let reading = Reading(json: line),
      abs(reading.temperature) <= greatestTemperature
    else { WASI.fail("the input is no batch of cleaned readings") }
    temperatures.append(reading.temperature)
  }
  guard let least = temperatures.min(), let greatest = temperatures.max() else {
    WASI.fail("the batch is empty")
  }
  guard temperatures.count <= mostReadings else { WASI.fail("the batch is too large") }
  let summary = Summary(temperatures)
  var output: [UInt8] = []
  output += "{\"count\":".utf8
  output.append(decimal: temperatures.count)
  output += ",\"mean\":".utf8
  output.append(thousandths: summary.mean)
  output += ",\"stddev\":".utf8
  output.append(thousandths: summary.deviation)
  output += ",\"min\":".utf8
  output.append(thousandths: least)
  output += ",\"max\":".utf8
  output.append(thousandths: greatest)
  output += "}".utf8
  WASI.write(output)
}

/// Mean and standard deviation in thousandths of a degree, rounded.
///
/// `&*` and `&+` stand where the bounds above rule out an overflow: checked arithmetic on 64 bits
/// needs a C library here.
private struct Summary {
  var mean: Int
  var deviation: Int

  init(_ values: [Int]) {
    let count = Int64(values.count)
    var sum: Int64 = 0
    var squares: Int64 = 0
    for value in values {
      let value = Int64(value)
      sum = sum &+ value
      squares = squares &+ value &* value
    }
    let half = sum < 0 ? -(count / 2) : count / 2
    mean = Int((sum &+ half) / count)
    guard count > 1 else {
      deviation = 0
      return
    }
    let variance = (count &* squares &- sum &* sum) / (count &* (count &- 1))
    deviation = Int(Self.roundedSquareRoot(variance))
  }

  private static func roundedSquareRoot(_ value: Int64) -> Int64 {
    var low: Int64 = 0
    var high: Int64 = 1 << 31
    while low < high {
      let middle = (low &+ high &+ 1) / 2
      if middle &* middle <= value { low = middle } else { high = middle &- 1 }
    }
    return value &- low &* low > low ? low &+ 1 : low
  }
}
