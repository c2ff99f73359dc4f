// swift-tools-version: 6.2
import PackageDescription

// The Wasmtime C library is brought by scripts/bootstrap; see docs/decisions/0002.
let wasmtimeFolder = Context.packageDirectory + "/.wasmtime/lib"

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// A target in the folder of its layer; an arrow only points down.
func target(_ layer: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(layer)/\(name)",
    swiftSettings: settings)
}

func tests(_ layer: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["ClusterModel", "PropertyTesting"],
    path: "Tests/\(layer)/\(name)",
    swiftSettings: settings)
}

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let certificates = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let grpc = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcProtobuf = Target.Dependency.product(
  name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let grpcTransport = Target.Dependency.product(
  name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")

let package = Package(
  name: "wasmatrix",
  products: [
    // For the package of the benchmarks.
    .library(
      name: "HeartbeatParts",
      targets: [
        "ClusterModel", "DedicatedThreads", "HeartbeatCoding", "HeartbeatLink", "NodeTracking",
        "ProcessWatching",
      ]),
    .library(
      name: "Parts",
      targets: [
        "CWasmtime", "ClusterModel", "ControlPlane", "ControlPlaneLogic", "DurableSQLite",
        "DedicatedThreads", "EmbeddedEventBus", "EventPatterns", "EventRouting", "HTTPOut",
        "HostPorts", "LocalSystem", "ModuleTrust", "NodeAgent", "NodeAgentLogic",
        "NodeTracking", "SQLiteStore", "Scheduling", "StateCaching", "Supervision",
        "SupervisionRuntime", "WasmtimeEngine",
      ]),
    .executable(name: "wasmatrix", targets: ["wasmatrix"]),
    .executable(name: "wasmatrix-launcher", targets: ["wasmatrix-launcher"]),
    .executable(name: "wasmatrix-watcher", targets: ["wasmatrix-watcher"]),
    .executable(name: "wasmatrix-fuzz", targets: ["wasmatrix-fuzz"]),
    .executable(name: "wasmatrix-simulate", targets: ["wasmatrix-simulate"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.0.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.0"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // Core: decisions. No clock, no I/O, no concurrency, no system randomness.
    target("Core", "ClusterModel"),
    target("Core", "ModuleTrust", ["ClusterModel", crypto]),
    target("Core", "EventPatterns", ["ClusterModel"]),
    target("Core", "EventRouting", ["ClusterModel", "EventPatterns", deque, heap]),
    target("Core", "Supervision", ["ClusterModel"]),
    target("Core", "NodeTracking", ["ClusterModel", heap]),
    target("Core", "Scheduling", ["ClusterModel"]),
    target("Core", "ModuleCatalog", ["ClusterModel"]),
    target(
      "Core", "ControlPlaneLogic",
      [
        "ClusterModel", "EventRouting", "ModuleCatalog", "NodeTracking", "Scheduling",
        "Supervision", heap,
      ]),
    target("Core", "GuestAccess", ["ClusterModel"]),
    target("Core", "AccessRules", ["ClusterModel"]),
    target("Core", "StateCaching", ["ClusterModel"]),
    target("Core", "NodeAgentLogic", ["ClusterModel", "Supervision", deque]),
    target("Core", "HeartbeatCoding", ["ClusterModel", crypto]),

    // Simulation: whole clusters of the logics, in virtual time. It knows no adapter.
    target(
      "Simulation", "ClusterSimulator",
      [
        "ClusterModel", "EventPatterns", "EventRouting", "ModuleCatalog", "NodeTracking",
        "Scheduling", "ControlPlaneLogic", "NodeAgentLogic", "Supervision", deque, heap,
      ]),

    // Ports: what hosts need and adapters meet.
    target("Ports", "HostPorts", ["ClusterModel", "Scheduling", "Supervision"]),

    // Adapters: the outside world. They never import each other.
    .target(
      name: "CWasmtime", path: "Sources/Adapters/CWasmtime",
      linkerSettings: [
        .linkedLibrary("wasmtime"),
        .unsafeFlags([
          "-L\(wasmtimeFolder)", "-Xlinker", "-rpath", "-Xlinker", wasmtimeFolder,
          "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib",
        ]),
      ]),
    .target(name: "CGuestFiles", path: "Sources/Adapters/CGuestFiles"),
    target(
      "Adapters", "WasmtimeEngine",
      [
        "ClusterModel", "HostPorts", "CWasmtime", "CGuestFiles", "DedicatedThreads", crypto, deque,
        heap,
      ]),
    .target(name: "CLocalSystem", path: "Sources/Adapters/CLocalSystem"),
    target("Adapters", "LocalSystem", ["ClusterModel", "HostPorts", "CLocalSystem"]),
    .target(name: "CDedicatedThreads", path: "Sources/Adapters/CDedicatedThreads"),
    target(
      "Adapters", "DedicatedThreads", ["ClusterModel", "HostPorts", "CDedicatedThreads", deque]),
    .target(name: "CHeartbeatLink", path: "Sources/Adapters/CHeartbeatLink"),
    target(
      "Adapters", "HeartbeatLink",
      [
        "ClusterModel", "HostPorts", "HeartbeatCoding", "CHeartbeatLink", "DedicatedThreads",
        metrics,
      ]),
    .target(name: "CProcessWatch", path: "Sources/Adapters/CProcessWatch"),
    target(
      "Adapters", "ProcessWatching", ["ClusterModel", "CProcessWatch", "DedicatedThreads"]),
    target("Adapters", "DurableSQLite", ["ClusterModel", "HostPorts", grdb, deque]),
    target(
      "Adapters", "SQLiteStore", ["ClusterModel", "HostPorts", "DurableSQLite", grdb, crypto]),
    target(
      "Adapters", "NodeStore", ["ClusterModel", "HostPorts", "DurableSQLite", grdb, crypto]),
    target(
      "Adapters", "EmbeddedEventBus",
      [
        "ClusterModel", "HostPorts", "DurableSQLite", grdb, crypto, deque,
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ]),
    target(
      "Adapters", "HTTPOut",
      [
        "ClusterModel", "HostPorts", asyncHTTPClient, nioCore, nioPosix,
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    target(
      "Adapters", "ClusterAuthority",
      [
        "ClusterModel", "AccessRules", "HostPorts", "DurableSQLite", certificates, asn1, crypto,
      ]),
    // Generated by scripts/generate-wire.
    .target(
      name: "WireMessages", dependencies: [grpc, grpcProtobuf, protobuf],
      path: "Sources/Adapters/WireMessages", exclude: ["SOURCES.sha256"],
      swiftSettings: settings),
    target("Adapters", "EventLoops", [nioCore, nioPosix]),
    target(
      "Adapters", "WireProtocol",
      [
        "ClusterModel", "Supervision", "HostPorts", "EventLoops", "WireMessages", grpc,
        grpcTransport, protobuf,
        certificates, asn1, crypto, deque, nioCore, nioPosix, nioSSL, logging, metrics,
        .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
      ]),
    target(
      "Adapters", "DataBackup", ["ClusterModel", "HostPorts", "DurableSQLite", grdb, crypto]),
    .target(
      name: "CYamlEvents", dependencies: [.product(name: "Yams", package: "Yams")],
      path: "Sources/Adapters/CYamlEvents"),
    target("Adapters", "ManifestYAML", ["ClusterModel", "CYamlEvents"]),

    // Hosts: actors that drive the logics.
    target(
      "Hosts", "SupervisionRuntime",
      ["ClusterModel", "Supervision", "HostPorts", logging, deque]),
    target("Hosts", "ModuleVerification", ["ClusterModel", "ModuleTrust"]),
    target("Hosts", "EventReading", ["ClusterModel", "EventPatterns"]),
    target(
      "Hosts", "AccessControl", ["ClusterModel", "AccessRules", "HostPorts", logging, crypto]),
    target(
      "Hosts", "NodeAgent",
      [
        "ClusterModel", "ModuleTrust", "GuestAccess", "StateCaching", "NodeAgentLogic", "HostPorts",
        "EventReading", "EventRouting", "ModuleVerification", "Supervision", "SupervisionRuntime",
        logging, metrics, deque,
      ]),
    target(
      "Hosts", "ControlPlane",
      [
        "ClusterModel", "ModuleTrust", "EventPatterns", "EventRouting", "ModuleCatalog",
        "NodeTracking", "Scheduling", "Supervision", "ControlPlaneLogic", "HostPorts",
        "EventReading", "ModuleVerification", "SupervisionRuntime", logging, metrics, deque,
      ]),

    // Interfaces: what users and tools touch.
    target("Interfaces", "Telemetry", [metrics, logging]),
    target("Interfaces", "ControlAPIModel", ["ClusterModel", "HostPorts", "Supervision"]),
    target(
      "Interfaces", "ControlAPI",
      [
        "ClusterModel", "AccessRules", "Scheduling", "Supervision", "HostPorts",
        "ControlAPIModel", "EventLoops", "ManifestYAML", "Telemetry", nioCore,
        logging, metrics, .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"), nioSSL,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    target(
      "Interfaces", "ControlAPIClient",
      [
        "ClusterModel", "Scheduling", "Supervision", "HostPorts", "ControlAPIModel", nioCore,
        nioSSL, crypto, asyncHTTPClient, .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),

    // Apps: argument parsing and wiring, nothing else.
    .executableTarget(
      name: "wasmatrix",
      dependencies: [
        "ClusterModel", "ModuleTrust", "NodeTracking", "Scheduling", "Supervision",
        "ControlPlaneLogic", "EventRouting", "NodeAgentLogic", "HostPorts", "SupervisionRuntime",
        "LocalSystem", "WasmtimeEngine", "DurableSQLite", "DataBackup", "SQLiteStore",
        "EmbeddedEventBus", "HTTPOut", "ManifestYAML", "NodeAgent", "ControlPlane", "Telemetry",
        "AccessRules", "AccessControl", "ClusterAuthority", "DedicatedThreads", "HeartbeatLink",
        "ProcessWatching", "WireProtocol", "NodeStore", "ControlAPIModel", "ControlAPI",
        "ControlAPIClient", "GuestAccess",
        crypto, logging, metrics,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Apps/wasmatrix", swiftSettings: settings),

    .executableTarget(
      name: "wasmatrix-simulate",
      dependencies: [
        "ClusterModel", "ClusterSimulator",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Apps/wasmatrix-simulate", swiftSettings: settings),

    .executableTarget(
      name: "wasmatrix-fuzz",
      dependencies: [
        "ClusterModel", "HostPorts", "WasmtimeEngine", crypto,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Apps/wasmatrix-fuzz", swiftSettings: settings),

    .executableTarget(name: "wasmatrix-launcher", path: "Sources/Apps/wasmatrix-launcher"),
    .executableTarget(
      name: "wasmatrix-watcher", dependencies: ["CProcessWatch"],
      path: "Sources/Apps/wasmatrix-watcher"),

    // Tests mirror the sources.
    .target(
      name: "PropertyTesting", path: "Tests/Support/PropertyTesting", swiftSettings: settings),
    .target(
      name: "ProcessTesting", path: "Tests/Support/ProcessTesting", swiftSettings: settings),
    .target(
      name: "ConnectionTesting", dependencies: [nioCore, nioPosix],
      path: "Tests/Support/ConnectionTesting", swiftSettings: settings),
    .target(
      name: "StorageTesting", dependencies: ["ClusterModel", "ProcessTesting"],
      path: "Tests/Support/StorageTesting",
      swiftSettings: settings),
    .target(
      name: "StoreConformance", dependencies: ["ClusterModel", "HostPorts", "PropertyTesting"],
      path: "Tests/Support/StoreConformance", swiftSettings: settings),
    .executableTarget(
      name: "watched-puppet", dependencies: ["ClusterModel", "HeartbeatLink", "ProcessWatching"],
      path: "Tests/Support/WatchedPuppet", swiftSettings: settings),
    tests("Core", "ClusterModelTests"),
    tests("Core", "ModuleTrustTests", ["ModuleTrust", "ProcessTesting", crypto]),
    tests("Core", "EventPatternsTests", ["EventPatterns"]),
    tests("Core", "EventRoutingTests", ["EventRouting"]),
    tests("Core", "SupervisionTests", ["Supervision"]),
    tests("Core", "NodeTrackingTests", ["NodeTracking"]),
    tests("Core", "SchedulingTests", ["Scheduling"]),
    tests("Core", "ModuleCatalogTests", ["ModuleCatalog"]),
    tests(
      "Core", "ControlPlaneLogicTests",
      ["EventRouting", "ModuleCatalog", "NodeTracking", "Scheduling", "ControlPlaneLogic"]),
    tests("Core", "GuestAccessTests", ["GuestAccess"]),
    tests("Core", "AccessRulesTests", ["AccessRules"]),
    tests("Core", "StateCachingTests", ["StateCaching"]),
    tests("Core", "HeartbeatCodingTests", ["HeartbeatCoding"]),
    tests("Core", "NodeAgentLogicTests", ["NodeAgentLogic", "Supervision"]),
    tests(
      "Simulation", "ClusterSimulatorTests",
      ["ControlPlaneLogic", "NodeAgentLogic", "ClusterSimulator"]),
    tests(
      "Hosts", "SupervisionRuntimeTests",
      ["Supervision", "SupervisionRuntime", "HostPorts", logging]),
    tests(
      "Adapters", "WasmtimeEngineTests",
      [
        "HostPorts", "CWasmtime", "CGuestFiles", "DedicatedThreads", "WasmtimeEngine",
        "ProcessTesting", "StorageTesting",
      ]),
    tests("Adapters", "LocalSystemTests", ["LocalSystem", "ProcessTesting"]),
    tests("Adapters", "EventLoopsTests", ["EventLoops", nioPosix, nioCore]),
    tests(
      "Adapters", "DedicatedThreadsTests", ["HostPorts", "DedicatedThreads"]),
    tests(
      "Adapters", "HeartbeatLinkTests",
      ["HostPorts", "HeartbeatCoding", "HeartbeatLink", "DedicatedThreads"]),
    tests(
      "Adapters", "ProcessWatchingTests",
      [
        "DedicatedThreads", "HeartbeatCoding", "HeartbeatLink", "ProcessTesting",
        "ProcessWatching",
      ]),
    tests(
      "Adapters", "DurableSQLiteTests", ["DurableSQLite", "StorageTesting", grdb]),
    tests(
      "Adapters", "SQLiteStoreTests",
      ["HostPorts", "DurableSQLite", "SQLiteStore", "StorageTesting", crypto]),
    tests(
      "Adapters", "NodeStoreTests",
      [
        "HostPorts", "DurableSQLite", "ClusterAuthority", "NodeStore", "StorageTesting", crypto,
      ]),
    tests(
      "Adapters", "EmbeddedEventBusTests",
      [
        "HostPorts", "DurableSQLite", "EmbeddedEventBus", "StorageTesting",
        "StoreConformance", grdb,
      ]),
    tests(
      "Adapters", "DataBackupTests",
      [
        "HostPorts", "DurableSQLite", "SQLiteStore", "EmbeddedEventBus",
        "DataBackup", "StorageTesting", crypto,
      ]),
    tests(
      "Adapters", "HTTPOutTests",
      [
        "HostPorts", "HTTPOut", nioCore, nioPosix,
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    tests(
      "Adapters", "WireProtocolTests",
      [
        "Supervision", "HostPorts", "EventLoops", "WireMessages", "WireProtocol",
        "ConnectionTesting", grpc, protobuf, certificates, asn1, crypto, nioCore, nioPosix, logging,
      ]),
    tests(
      "Adapters", "ClusterAuthorityTests",
      [
        "AccessRules", "HostPorts", "DurableSQLite", "ClusterAuthority",
        "ProcessTesting", "StorageTesting", certificates, asn1, crypto,
      ]),
    tests("Adapters", "ManifestYAMLTests", ["ManifestYAML"]),
    tests(
      "Hosts", "AccessControlTests",
      [
        "AccessRules", "HostPorts", "AccessControl", "ClusterAuthority",
        "DurableSQLite", "SQLiteStore", "StorageTesting", crypto, logging,
      ]),
    tests(
      "Hosts", "NodeAgentTests",
      [
        "HostPorts", "NodeAgent", "NodeAgentLogic", "DedicatedThreads", "SupervisionRuntime",
        logging,
      ]),
    tests(
      "Hosts", "ControlPlaneTests",
      [
        "ModuleTrust", "EventPatterns", "EventReading", "HostPorts", "NodeTracking",
        "ControlPlaneLogic", "NodeAgentLogic", "Supervision", "SupervisionRuntime", "ControlPlane",
        "DedicatedThreads", "NodeAgent", "NodeStore", "HTTPOut", "CWasmtime", "WasmtimeEngine",
        "DurableSQLite", "SQLiteStore", "EmbeddedEventBus", "ProcessTesting", "Telemetry", crypto,
        logging,
      ]),
    tests(
      "Interfaces", "ControlAPITests",
      [
        "Scheduling", "Supervision", "HostPorts", "ControlAPIModel", "ControlAPI",
        "ControlAPIClient", "ClusterAuthority", "LocalSystem", "StorageTesting",
        "ConnectionTesting", "Telemetry", nioSSL, crypto, logging,
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
      ]),
    tests("Interfaces", "TelemetryTests", ["Telemetry", metrics]),
    tests(
      "Apps", "wasmatrixTests",
      [
        "HostPorts", "ControlAPIModel", "LocalSystem", "ProcessTesting", "wasmatrix",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
