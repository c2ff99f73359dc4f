// swift-tools-version: 6.2
import PackageDescription

// What is measured is built as it ships: optimised, for any machine of its architecture. What it is
// held against is built for exactly this one.
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let settings: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "wasmatrix-benchmarks",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
    .package(name: "wasmatrix", path: ".."),
  ],
  targets: [
    .target(name: "Measuring", swiftSettings: settings),
    .target(
      name: "CPlacementScan",
      cSettings: [.unsafeFlags(["-O3", "-march=native", "-ffp-contract=off"])]),
    .executableTarget(
      name: "bench-placement",
      dependencies: [
        "CPlacementScan", "Measuring", argumentParser,
        .product(name: "Parts", package: "wasmatrix"),
      ],
      swiftSettings: settings),
    .target(name: "CSlowSync", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra"])]),
    .executableTarget(
      name: "bench-events",
      dependencies: [
        "CSlowSync", "Measuring", argumentParser,
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Parts", package: "wasmatrix"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "bench-heartbeats",
      dependencies: [
        "Measuring", argumentParser,
        .product(name: "HeartbeatParts", package: "wasmatrix"),
        .product(name: "wasmatrix-watcher", package: "wasmatrix"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "bench-fleet",
      dependencies: [
        "Measuring", argumentParser,
        .product(name: "GRPCCore", package: "grpc-swift-2"),
        .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
        .product(name: "Parts", package: "wasmatrix"),
      ],
      swiftSettings: settings),
    // As well as it can be built for exactly this machine.
    .target(
      name: "CSandbox", dependencies: [.product(name: "Parts", package: "wasmatrix")],
      cSettings: [.unsafeFlags(["-O3", "-march=native", "-std=gnu11", "-Wall", "-Wextra"])]),
    // The kernels as native code: what the guests are compiled from, by the same compiler.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O2"])]),
    .executableTarget(
      name: "bench-sandbox",
      dependencies: [
        "CKernels", "CSandbox", "Measuring", argumentParser,
        .product(name: "Parts", package: "wasmatrix"),
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
