// swift-tools-version: 6.3
// Fuzz targets for libFuzzer; build and run them with `scripts/fuzz`. A package of its own, because nothing that users of
// the library build needs it.

import PackageDescription

let package = Package(
  name: "weighbridge-fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "weighbridge", path: "..")],
  targets: [
    .systemLibrary(name: "CLibFuzzer"),
    .executableTarget(
      name: "Fuzz",
      dependencies: ["CLibFuzzer", .product(name: "Weighbridge", package: "weighbridge")],
      // scripts/fuzz says of which package the targets are for the compiler: of the one they call.
      packageAccess: false,
      swiftSettings: [.strictMemorySafety(), .enableUpcomingFeature("MemberImportVisibility")]),
  ],
  swiftLanguageModes: [.v6]
)
