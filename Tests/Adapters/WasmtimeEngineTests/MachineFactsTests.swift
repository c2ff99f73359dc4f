import ClusterModel
import Testing

@testable import WasmtimeEngine

@Suite struct MachineFactsTests {
  private func groups(_ membership: String, _ files: [String: String]) -> ControlGroups {
    ControlGroups(membership: membership) { files[$0] }
  }

  @Test func `limits of the groups above count, too`() {
    let found = groups(
      "0::/system.slice/wasmatrix.service\n",
      [
        "/memory.max": "max\n", "/cpu.max": "max 100000\n",
        "/system.slice/memory.max": "1073741824\n", "/system.slice/cpu.max": "150000 100000\n",
        "/system.slice/wasmatrix.service/memory.max": "4294967296\n",
        "/system.slice/wasmatrix.service/cpu.max": "400000 100000\n",
      ])
    #expect(found.memory == .gibibytes(1))
    #expect(found.processors == 1.5)
  }

  @Test func `a container sees its own group as the root`() {
    let files = ["/memory.max": "536870912", "/cpu.max": "50000 100000"]
    for membership in ["0::/", "0::/../../elsewhere", "0::/docker/abc"] {
      let found = groups(membership, files)
      #expect(found.memory == .mebibytes(512) && found.processors == 0.5)
    }
  }

  @Test func `version 1 has its own files`() {
    let membership = "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n1:name=systemd:/docker/a\n"
    let found = groups(
      membership,
      [
        "/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/memory/docker/a/memory.limit_in_bytes": "268435456\n",
        "/cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "/cpu/docker/a/cpu.cfs_quota_us": "200000\n", "/cpu/docker/a/cpu.cfs_period_us": "100000\n",
      ])
    #expect(found.memory == .mebibytes(256))
    #expect(found.processors == 2)
  }

  @Test(arguments: ["", "\n", "0", "0:", "0::", "garbage::\u{1}", "7:memory,cpu:"])
  func `what makes no sense is no limit`(membership: String) {
    for text in ["", "max", "-1", "0", "x y", "nan 1", "-1 5"] {
      let found = ControlGroups(membership: membership) { _ in text }
      #expect(found.memory == nil && found.processors == nil)
    }
  }

  @Test func `the processors are those that all limits allow`() {
    var groups = groups("", [:])
    let status = "Name:\tx\nCpus_allowed_list:\t0-3,8\nMems_allowed_list:\t0\n"
    #expect(MachineFacts.processors(online: 16, status: status, groups: groups) == 5)
    #expect(MachineFacts.processors(online: 4, status: "", groups: groups) == 4)
    groups.processors = 1.5
    #expect(MachineFacts.processors(online: 16, status: status, groups: groups) == 2)
    groups.processors = 0.2
    #expect(MachineFacts.processors(online: 16, status: status, groups: groups) == 1)
  }

  @Test func `the node's own memory and workers come of what it may use`() {
    var machine = MachineFacts.read()
    #expect(machine.processors >= 1 && machine.processors <= machine.onlineProcessors)
    #expect(machine.memory <= machine.physicalMemory && machine.memory.bytes > 0)
    #expect(machine.openFiles > 0 && machine.openFiles <= machine.maximumOpenFiles)
    machine.processors = 3
    machine.memory = .gibibytes(2)
    let configuration = EngineConfiguration(machine: machine)
    #expect(configuration.workers == 3 && configuration.memoryBudget == .gibibytes(1))
  }

  @Test func `all slots together keep a sixteenth of the memory, a page at least`() {
    func kept(_ memory: ByteCount, _ slots: Int) -> ByteCount {
      EngineConfiguration.residentMemory(of: memory, slots: slots)
    }
    #expect(kept(.gibibytes(64), 2048) == .kibibytes(256))
    #expect(kept(.gibibytes(8), 2048) == .kibibytes(256))
    #expect(kept(.gibibytes(4), 2048) == .kibibytes(128))
    #expect(kept(.gibibytes(1), 2048) == .kibibytes(64))
    #expect(kept(.mebibytes(256), 0) == .kibibytes(256))
  }
}
