// swift-tools-version: 6.3
// The engine's products alone, beside the arithmetic that the processor can do at most, for benchmarks/products.py.

import PackageDescription

let package = Package(
  name: "product-times",
  platforms: [.macOS(.v15)],
  targets: [
    .systemLibrary(name: "CLinux"),
    .target(name: "CKernels"),
    .target(name: "CheckpointBytes", dependencies: ["CLinux"]),
    .target(name: "Roofline"),
    .target(name: "TensorEngine", dependencies: ["CheckpointBytes", "CKernels"]),
    .executableTarget(name: "product-times", dependencies: ["Roofline", "TensorEngine"]),
  ],
  swiftLanguageModes: [.v6]
)
for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
}
