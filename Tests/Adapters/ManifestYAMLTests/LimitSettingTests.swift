import ClusterModel
import ManifestYAML
import Testing

struct LimitSettingTests {
  @Test func `each limit is set by its name in a manifest`() throws {
    var limits = ActivationLimits()
    for setting in [
      "memory=1MiB", "cpu=1s", "wall=2s", "open-files=3", "calls=4", "call-bytes=5B",
      "outstanding-calls=6",
    ] {
      try LimitSetting.apply(setting, to: &limits)
    }
    #expect(
      limits
        == ActivationLimits(
          memory: .mebibytes(1), cpuTime: .seconds(1), wallTime: .seconds(2), calls: 4,
          callBytes: ByteCount(bytes: 5), outstandingCalls: 6, openFiles: 3))
  }

  @Test(arguments: [
    "memory", "speed=1", "memory=1", "memory=5GiB", "cpu=0ms", "wall=2h", "open-files=-1",
    "open-files=many", "calls=10001", "calls=", "call-bytes=257MiB", "outstanding-calls=0",
  ])
  func `what is no limit says what is allowed`(setting: String) {
    var limits = ActivationLimits()
    do throws(Problem) {
      try LimitSetting.apply(setting, to: &limits)
      Issue.record("it is taken")
    } catch {
      #expect(error.code == "limit_invalid")
      #expect(error.cause?.hasPrefix("allowed: ") == true)
    }
    #expect(limits == ActivationLimits())
  }
}
