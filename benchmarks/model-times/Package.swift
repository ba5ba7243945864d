// swift-tools-version: 6.3
// A process that loads a model or a tokenizer once and computes on demand, for benchmarks/models.py.

import PackageDescription

let package = Package(
  name: "model-times",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "weighbridge", path: "../..")],
  targets: [
    .executableTarget(
      name: "model-times",
      dependencies: [
        .product(name: "TensorEngine", package: "weighbridge"),
        .product(name: "Weighbridge", package: "weighbridge"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
