// swift-tools-version: 6.2
import PackageDescription

// What is measured is built as it ships: optimised, for any machine of its architecture. What it is
// held against is built for exactly this one.
let package = Package(
  name: "wasmatrix-benchmarks",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(name: "wasmatrix", path: ".."),
  ],
  targets: [
    .target(
      name: "CPlacementScan",
      cSettings: [.unsafeFlags(["-O3", "-march=native", "-ffp-contract=off"])]),
    .executableTarget(
      name: "bench-placement",
      dependencies: [
        "CPlacementScan",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "ClusterModel", package: "wasmatrix"),
        .product(name: "Scheduling", package: "wasmatrix"),
      ],
      swiftSettings: [.treatAllWarnings(as: .error)]),
  ],
  swiftLanguageModes: [.v6]
)
