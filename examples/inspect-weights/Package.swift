// swift-tools-version: 6.3
// A small client of the package: what a user's own manifest looks like.

import PackageDescription

let package = Package(
  name: "inspect-weights",
  platforms: [.macOS(.v15)],
  dependencies: [
    // Elsewhere: .package(url: "<the repository's address>", from: "0.1.0")
    .package(name: "weighbridge", path: "../..")
  ],
  targets: [
    .executableTarget(
      name: "inspect-weights",
      dependencies: [.product(name: "Weighbridge", package: "weighbridge")]),
    .testTarget(
      name: "ModelTests",
      dependencies: [
        .product(name: "Weighbridge", package: "weighbridge"),
        .product(name: "WeighbridgeTesting", package: "weighbridge"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// Not needed, and to be expected of clients: `import Weighbridge` is enough with it too.
for target in package.targets {
  target.swiftSettings = [.enableUpcomingFeature("MemberImportVisibility")]
}
