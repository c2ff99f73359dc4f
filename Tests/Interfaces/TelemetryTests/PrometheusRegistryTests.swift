import CoreMetrics
import Testing

@testable import Telemetry

struct PrometheusRegistryTests {
  private let registry = PrometheusRegistry()

  /// The exposition without what the process itself has.
  private var lines: [String] {
    registry.exposition().split(separator: "\n").map(String.init)
      .filter { !$0.contains("process_") }
  }

  @Test func `counters count, sorted, with names and values made safe`() {
    Counter(label: "http.requests", dimensions: [("b", "2"), ("a", "x\"\\\n")], factory: registry)
      .increment(by: 3)
    Counter(label: "http.requests", dimensions: [("a", "0"), ("b", "9")], factory: registry)
      .increment()
    Counter(label: "9lives_total", factory: registry).increment()
    #expect(
      lines == [
        "# HELP _9lives_total _9lives_total", "# TYPE _9lives_total counter", "_9lives_total 1",
        "# HELP http_requests_total http_requests", "# TYPE http_requests_total counter",
        "http_requests_total{a=\"0\",b=\"9\"} 1",
        "http_requests_total{a=\"x\\\"\\\\\\n\",b=\"2\"} 3",
      ])
  }

  @Test func `a counter never goes down`() {
    let counter = Counter(label: "c", factory: registry)
    counter.increment(by: 5)
    counter.increment(by: -3)
    let seconds = FloatingPointCounter(label: "s", factory: registry)
    seconds.increment(by: 0.25)
    seconds.increment(by: -Double.infinity)
    seconds.increment(by: Double.nan)
    seconds.increment(by: 0.5)
    #expect(lines.contains("c_total 5") && lines.contains("s_total 0.75"))
  }

  @Test func `gauges and meters hold the last value`() {
    let gauge = Gauge(label: "g", factory: registry)
    gauge.record(7)
    gauge.record(2.5)
    let meter = Meter(label: "m", factory: registry)
    meter.set(10)
    meter.increment(by: 2)
    meter.decrement(by: 20)
    #expect(lines.contains("g 2.5") && lines.contains("m -8"))
    #expect(lines.contains("# TYPE g gauge"))
  }

  @Test func `a timer is a histogram of seconds`() {
    let timer = Timer(label: "work", dimensions: [("k", "v")], factory: registry)
    for nanoseconds: Int64 in [50_000, 51_000, 2_000_000_000, 60_000_000_000] {
      timer.recordNanoseconds(nanoseconds)
    }
    #expect(lines.contains("# TYPE work_seconds histogram"))
    #expect(lines.contains("work_seconds_bucket{k=\"v\",le=\"5e-05\"} 1"))
    #expect(lines.contains("work_seconds_bucket{k=\"v\",le=\"0.0001\"} 2"))
    #expect(lines.contains("work_seconds_bucket{k=\"v\",le=\"2.5\"} 3"))
    #expect(lines.contains("work_seconds_bucket{k=\"v\",le=\"10\"} 3"))
    #expect(lines.contains("work_seconds_bucket{k=\"v\",le=\"+Inf\"} 4"))
    #expect(lines.contains("work_seconds_count{k=\"v\"} 4"))
    #expect(lines.contains { $0.hasPrefix("work_seconds_sum{k=\"v\"} 62.0001") })
  }

  @Test func `a recorder that aggregates is a histogram`() {
    let recorder = Recorder(label: "sizes", factory: registry)
    recorder.record(5)
    recorder.record(1_000_000_000_000)
    #expect(lines.contains("sizes_bucket{le=\"4\"} 0"))
    #expect(lines.contains("sizes_bucket{le=\"16\"} 1"))
    #expect(lines.contains("sizes_bucket{le=\"+Inf\"} 2"))
  }

  @Test func `too many combinations of labels count together`() {
    for number in 0..<(PrometheusRegistry.maximumSeries + 50) {
      Counter(label: "many", dimensions: [("n", String(number))], factory: registry).increment()
    }
    #expect(
      lines.filter { $0.hasPrefix("many_total") }.count == PrometheusRegistry.maximumSeries + 1)
    #expect(lines.contains("many_total{overflow=\"true\"} 50"))
  }

  @Test func `a name of another type is not shown twice`() {
    Counter(label: "both_total", factory: registry).increment()
    Gauge(label: "both_total", factory: registry).record(7)
    #expect(lines.filter { $0.hasPrefix("both_total") } == ["both_total 1"])
    Gauge(label: "value", factory: registry).record(3)
    Recorder(label: "value", factory: registry).record(4)
    #expect(lines.filter { $0.hasPrefix("value") } == ["value 3"])
  }

  @Test func `what was destroyed is gone`() {
    let counter = Counter(label: "c", factory: registry)
    counter.increment()
    counter.destroy()
    #expect(!lines.contains { $0.contains("c_total") })
  }

  @Test func `help that was given is shown in one line`() {
    registry.describe("c", "what\nit \\ means")
    Counter(label: "c", factory: registry).increment()
    #expect(lines.contains("# HELP c_total what\\nit \\\\ means"))
  }

  @Test func `nothing is lost when many tasks count`() async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<10_000 {
            Counter(label: "c", factory: registry).increment()
            FloatingPointCounter(label: "f", factory: registry).increment(by: 0.5)
          }
        }
      }
    }
    #expect(lines.contains("c_total 80000") && lines.contains("f_total 40000"))
  }

  @Test func `the process tells of itself`() {
    let text = registry.exposition()
    func value(_ name: String) -> Double? {
      text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        .flatMap { Double($0.dropFirst(name.count + 1)) }
    }
    #expect(value("process_resident_memory_bytes").map { (1 << 20)...(1 << 36) ~= Int($0) } == true)
    #expect(value("process_open_fds").map { 3...10_000 ~= Int($0) } == true)
    #expect(value("process_cpu_seconds_total") != nil)
    #expect(value("process_start_time_seconds").map { $0 > 1_700_000_000 } == true)
  }

  @Test func `everything is sorted by name, the process's own too`() {
    for name in ["zebra", "apple", "process_open"] {
      Gauge(label: name, factory: registry).record(1)
    }
    let names = registry.exposition().split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
      .map { $0.split(separator: " ")[2] }
    #expect(names == names.sorted() && names.count == 7)
  }

  @Test func `a program's name with parentheses does not shift the fields`() {
    let fields = (3...52).map(String.init).joined(separator: " ")
    let statistics = ProcessStatistics("7 (a) b) (c) \(fields)")
    #expect(statistics?.residentPages == 24)
  }
}
