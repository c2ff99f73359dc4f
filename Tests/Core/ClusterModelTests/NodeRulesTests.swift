import ClusterModel
import Testing

/// What a node may say of itself, to the last that is allowed.
@Suite struct NodeRulesTests {
  private static func capabilities(
    architectures: [Architecture] = [.x86_64], features: [String] = [], memory: Int = 1,
    cores: Int = 1, hardware: [String] = [], labels: [Label] = []
  ) throws -> NodeCapabilities {
    try NodeCapabilities(
      architectures: architectures, cpuFeatures: features, memory: ByteCount(bytes: memory),
      cpuCores: cores, specializedHardware: hardware, labels: labels)
  }

  private static func names(_ count: Int) -> [String] { (0..<count).map { "n\($0)" } }

  private static func labels(_ count: Int) throws -> [Label] {
    try names(count).map { try Label($0, "x") }
  }

  @Test(arguments: ["a", "0", "avx2", "can-bus", "a.b_c-d", String(repeating: "x", count: 63)])
  func `names of features keep to their rule`(name: String) { #expect(FeatureName.isValid(name)) }

  @Test(arguments: ["", ".a", "-a", "_", "A", "a b", "é", String(repeating: "x", count: 64)])
  func `others are no names of features`(name: String) { #expect(!FeatureName.isValid(name)) }

  @Test func `a node may say as much of itself as is allowed`() throws {
    _ = try Self.capabilities(features: Self.names(512), hardware: Self.names(64))
    _ = try Self.capabilities(memory: 0, cores: 65_536, labels: Self.labels(64))
    _ = try Self.capabilities(memory: 1 << 50)
    let sorted = try Self.capabilities(
      features: ["b", "a", "b"], labels: [Label("b", "1"), Label("a", "2")])
    #expect(sorted.cpuFeatures == ["a", "b"])
    #expect(sorted.labels.map(\.name) == ["a", "b"])
  }

  @Test func `a node that says more of itself is not believed`() throws {
    let bad: [() throws -> NodeCapabilities] = [
      { try Self.capabilities(architectures: []) },
      { try Self.capabilities(architectures: [.x86_64, .x86_64]) },
      { try Self.capabilities(features: Self.names(513)) },
      { try Self.capabilities(features: ["ok", "No"]) },
      { try Self.capabilities(hardware: Self.names(65)) },
      { try Self.capabilities(memory: -1) },
      { try Self.capabilities(memory: 1 << 50 + 1) },
      { try Self.capabilities(cores: 0) },
      { try Self.capabilities(cores: 65_537) },
      { try Self.capabilities(labels: Self.labels(65)) },
      { try Self.capabilities(labels: [Label("a", "1"), Label("a", "2")]) },
    ]
    for capabilities in bad { #expect(throws: InvalidValue.self) { try capabilities() } }
  }

  @Test func `a load is a share of what there is`() throws {
    _ = try NodeLoad(cpuPercent: 0, memoryPercent: 100, activeModules: 0)
    _ = try NodeLoad(cpuPercent: 100, memoryPercent: 0, activeModules: 1)
    for (cpu, memory, modules) in [(101.0, 0.0, 0), (0, 101, 0), (-1, 0, 0), (0, 0, -1)] {
      #expect(throws: InvalidValue.self) {
        try NodeLoad(cpuPercent: cpu, memoryPercent: memory, activeModules: modules)
      }
    }
    let none = try NodeLoad(cpuPercent: -0.0, memoryPercent: -0.0, activeModules: 0)
    #expect(none.cpuPercent.sign == .plus && none.memoryPercent.sign == .plus)
  }

  @Test func `a place is on the earth, and has one text`() throws {
    _ = try Coordinates(latitude: -90, longitude: 180)
    let origin = try Coordinates(latitude: -0.0, longitude: -0.0)
    #expect(origin.latitude.sign == .plus && origin.longitude.sign == .plus)
    #expect(try Coordinates(latitude: 2, longitude: 3).latitude == 2)
    #expect(try Coordinates(latitude: 2, longitude: 3).longitude == 3)
    for (latitude, longitude) in [(90.5, 0.0), (0, 180.5)] {
      #expect(throws: InvalidValue.self) {
        try Coordinates(latitude: latitude, longitude: longitude)
      }
    }
  }

  @Test func `weights count only when one of them does`() throws {
    func weights(_ one: Double) throws -> PlacementWeights {
      try PlacementWeights(
        latency: 0, distance: 0, resources: one, dataLocality: 0, faultDomain: 0)
    }
    _ = try weights(1000)
    for bad in [0, -1, 1001, Double.nan] {
      #expect(throws: InvalidValue.self) { try weights(bad) }
    }
  }
}
