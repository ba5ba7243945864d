// swift-tools-version: 6.3
// The manifest is the map: targets by layer, lowest first. Each target may import exactly what is listed beside it;
// `scripts/check-imports` compares this list with the `import` lines of the sources.

import PackageDescription

let collections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

// MARK: Libraries, by layer

let systemLibraries: [Target] = [
  .systemLibrary(
    name: "CZlib", pkgConfig: "zlib",
    providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
  .systemLibrary(name: "CLinux"),
  .systemLibrary(name: "CTextMasks"),
]

let libraries: [Target] = [
  // 0: numbers and bytes
  .target(name: "CChecksums"),
  .target(name: "CKernels"),
  .target(name: "TensorValues"),
  .target(name: "CheckpointBytes", dependencies: ["CLinux"]),
  // 1: one format each, and the graph between them
  .target(name: "PickleFormat", dependencies: ["CheckpointBytes"]),
  .target(name: "ZipFormat", dependencies: ["CheckpointBytes", "CChecksums", "CZlib"]),
  .target(name: "CompressedStreams", dependencies: ["CheckpointBytes"]),
  .target(name: "SafetensorsFormat", dependencies: ["CheckpointBytes", "TensorValues"]),
  .target(name: "HDF5Format", dependencies: ["CheckpointBytes", "TensorValues", "CZlib"]),
  .target(name: "WeightGraph", dependencies: ["CheckpointBytes", "TensorValues", collections]),
  .target(name: "TensorEngine", dependencies: ["CheckpointBytes", "CKernels"]),
  .target(name: "Tokenizers", dependencies: ["CheckpointBytes", "CTextMasks"]),
  // 2: formats made of formats
  .target(
    name: "TorchFormat",
    dependencies: ["CheckpointBytes", "TensorValues", "PickleFormat", "ZipFormat"]),
  .target(
    name: "LayoutRules",
    dependencies: ["CheckpointBytes", "TensorValues", "WeightGraph", collections]),
  // 3: graph to running model
  .target(
    name: "LanguageModels",
    dependencies: [
      "CheckpointBytes", "TensorValues", "WeightGraph", "TensorEngine", "LayoutRules", collections,
    ]),
  // 4: what is known of each family
  .target(
    name: "ModelFamilies",
    dependencies: ["CheckpointBytes", "WeightGraph", "LayoutRules", "LanguageModels"]),
  // 5: formats to graph and back
  .target(
    name: "Checkpoints",
    dependencies: [
      "CheckpointBytes", "TensorValues", "PickleFormat", "ZipFormat", "CompressedStreams",
      "SafetensorsFormat", "HDF5Format", "TorchFormat", "WeightGraph", "LayoutRules", "CChecksums",
      collections,
    ]),
  // 6: what lies beside the weights, from one framework's form to another's
  .target(
    name: "ModelDirectories",
    dependencies: [
      "CheckpointBytes", "TensorValues", "ZipFormat", "LayoutRules", "ModelFamilies",
      "Tokenizers", "Checkpoints",
    ]),
  // 6: low-rank adapters
  .target(
    name: "Adapters",
    dependencies: [
      "CheckpointBytes", "TensorValues", "WeightGraph", "LayoutRules", "ModelFamilies",
      "Checkpoints", collections,
    ]),
  // 7: from one checkpoint to another, and how two compare
  .target(
    name: "Conversion",
    dependencies: [
      "CheckpointBytes", "TensorValues", "WeightGraph", "LayoutRules", "ModelFamilies",
      "Checkpoints", "ModelDirectories", "Adapters", collections,
    ]),
  // 5: models beside recorded references
  .target(
    name: "Verification",
    dependencies: [
      "CheckpointBytes", "TensorValues", "WeightGraph", "TensorEngine", "LayoutRules",
      "LanguageModels", collections,
    ]),
  // 8: models that learn
  .target(
    name: "Training",
    dependencies: [
      "CheckpointBytes", "TensorValues", "WeightGraph", "TensorEngine", "LayoutRules",
      "LanguageModels", "Tokenizers", "Checkpoints", "Conversion", collections,
    ]),
  // 9: what users import
  .target(
    name: "Weighbridge",
    dependencies: [
      "CheckpointBytes", "TensorValues", "WeightGraph", "LayoutRules", "Checkpoints",
      "ModelDirectories", "Adapters", "Conversion", "Tokenizers", "TensorEngine",
      "LanguageModels", "ModelFamilies", "Verification", "Training", collections,
    ]),
  .target(name: "WeighbridgeTesting", dependencies: ["Weighbridge"]),
  .target(name: "WeighbridgeFoundation", dependencies: ["Weighbridge"]),
  // 10: the subcommands as testable types
  .target(name: "ToolCommands", dependencies: ["Weighbridge", argumentParser, collections]),
]

// On Linux the tool has Swift's libraries in it, so that it starts faster and runs where no Swift is installed. These are settings of its
// link alone, and not `--static-swift-stdlib`, which is one of every compilation as well: tests and tool are made of the same objects.
// No client links the tool, so that its flags are nobody else's; SwiftPM takes a package with such flags by its version too, since tools
// version 6.2.
let tools: [Target] = [
  .executableTarget(
    name: "weighbridge-cli", dependencies: ["ToolCommands"],
    linkerSettings: [
      .unsafeFlags(
        [
          // The parts of FoundationEssentials, which objects that were compiled for the shared library do not name.
          "-static-stdlib", "-l_FoundationCollections", "-l_FoundationCShims",
          // Nobody looks for symbols in a program; exporting them would keep them all.
          "-use-ld=lld", "-Xlinker", "--no-export-dynamic",
          // Functions of the same instructions are one.
          "-Xlinker", "--icf=all",
        ], .when(platforms: [.linux], configuration: .release))
    ])
]

// MARK: Tests

let testSupport: [Target] = [
  .target(
    name: "TestSupport", dependencies: ["CheckpointBytes", "TensorValues", "CAllocations"],
    path: "Tests/TestSupport"),
  // A malloc that counts.
  .target(name: "CAllocations", path: "Tests/CAllocations"),
  // What HDF5Format reads and writes is held against libhdf5.
  .systemLibrary(
    name: "CHDF5", path: "Tests/CHDF5", pkgConfig: "hdf5",
    providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
]

let tests: [Target] = [
  .testTarget(name: "CKernelsTests", dependencies: ["CKernels", "TestSupport"]),
  .testTarget(name: "TensorValuesTests", dependencies: ["TensorValues", "TestSupport"]),
  .testTarget(name: "CheckpointBytesTests", dependencies: ["CheckpointBytes", "TestSupport"]),
  .testTarget(name: "PickleFormatTests", dependencies: ["PickleFormat", "TestSupport"]),
  .testTarget(name: "ZipFormatTests", dependencies: ["ZipFormat", "TestSupport"]),
  .testTarget(
    name: "CompressedStreamsTests", dependencies: ["CompressedStreams", "TestSupport"]),
  .testTarget(name: "SafetensorsFormatTests", dependencies: ["SafetensorsFormat", "TestSupport"]),
  .testTarget(name: "HDF5FormatTests", dependencies: ["HDF5Format", "CHDF5", "TestSupport"]),
  .testTarget(
    name: "WeightGraphTests", dependencies: ["WeightGraph", "TestSupport", collections]),
  .testTarget(
    name: "TensorEngineTests",
    dependencies: ["TensorEngine", "CheckpointBytes", "SafetensorsFormat", "TestSupport"]),
  .testTarget(
    name: "TokenizersTests", dependencies: ["Tokenizers", "CheckpointBytes", "TestSupport"]),
  .testTarget(
    name: "TorchFormatTests",
    dependencies: ["TorchFormat", "PickleFormat", "ZipFormat", "TestSupport"]),
  .testTarget(
    name: "LayoutRulesTests",
    dependencies: ["LayoutRules", "ModelFamilies", "WeightGraph", "TestSupport", collections]),
  .testTarget(
    name: "CheckpointsTests",
    dependencies: [
      "Checkpoints", "Conversion", "TensorValues", "WeightGraph", "TestSupport", collections,
    ]),
  .testTarget(
    name: "ModelDirectoriesTests",
    dependencies: [
      "ModelDirectories", "Checkpoints", "LayoutRules", "ModelFamilies", "TensorValues",
      "TestSupport",
    ]),
  .testTarget(
    name: "AdaptersTests",
    dependencies: [
      "Adapters", "Checkpoints", "CheckpointBytes", "TensorValues", "WeightGraph", "TestSupport",
      collections,
    ]),
  .testTarget(
    name: "ConversionTests",
    dependencies: [
      "Conversion", "Checkpoints", "LayoutRules", "TensorValues", "WeightGraph", "TestSupport",
      collections,
    ]),
  .testTarget(
    name: "LanguageModelsTests",
    dependencies: [
      "LanguageModels", "ModelFamilies", "SafetensorsFormat", "WeightGraph", "LayoutRules",
      "TensorEngine", "TestSupport", collections,
    ]),
  .testTarget(
    name: "VerificationTests",
    dependencies: [
      "Verification", "LanguageModels", "ModelFamilies", "Checkpoints", "WeightGraph",
      "TestSupport", collections,
    ]),
  .testTarget(
    name: "TrainingTests",
    dependencies: [
      "Training", "CheckpointBytes", "LanguageModels", "TensorEngine", "Tokenizers", "TestSupport",
    ]),
  .testTarget(
    name: "WeighbridgeTests",
    dependencies: ["Weighbridge", "WeighbridgeTesting", "TensorEngine", "TestSupport"]),
  .testTarget(
    name: "WeighbridgeFoundationTests",
    dependencies: ["WeighbridgeFoundation", "Weighbridge", "TestSupport"]),
  .testTarget(
    name: "WeighbridgeTestingTests",
    dependencies: ["WeighbridgeTesting", "Weighbridge", "TestSupport", collections]),
  .testTarget(
    name: "ToolCommandsTests",
    dependencies: [
      "ToolCommands", "Weighbridge", "LayoutRules", "ModelFamilies", "WeightGraph", "TestSupport",
      collections,
    ]),
]

let package = Package(
  name: "weighbridge",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Weighbridge", targets: ["Weighbridge"]),
    .library(name: "WeighbridgeTesting", targets: ["WeighbridgeTesting"]),
    .library(name: "WeighbridgeFoundation", targets: ["WeighbridgeFoundation"]),
    .library(name: "TensorEngine", targets: ["TensorEngine"]),
    .executable(name: "weighbridge", targets: ["weighbridge-cli"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
  ],
  targets: systemLibraries + libraries + tools + testSupport + tests,
  swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
}

// Each function is a section of its own, which the linker leaves out of a program that never calls it.
for target in libraries where target.swiftSettings != nil {
  target.swiftSettings?.append(
    .unsafeFlags(
      ["-Xfrontend", "-function-sections"], .when(platforms: [.linux], configuration: .release)))
}

// SwiftPM compiles a target again where the module of a target that it names is another one, and such a module stays as it is when only
// the layout of a type changes in one that it imports or exports itself. So each target names all those that it reaches: without that a
// build after such a change made a program of old and new objects, which crashed. What stands in the lists above is what it may import.
var reached: [String: Set<String>] = [:]
for target in package.targets {
  let named = target.dependencies.compactMap { dependency in
    if case .byNameItem(let name, _) = dependency { name } else { nil }
  }
  let all = named.reduce(into: Set(named)) { $0.formUnion(reached[$1] ?? []) }
  reached[target.name] = all
  target.dependencies += all.subtracting(named).sorted().map { .target(name: $0) }
}

// Tests that call much and compute little take longer to be optimized than they would save.
for target in package.targets
where ["LanguageModelsTests", "ToolCommandsTests", "WeighbridgeTests"].contains(target.name) {
  target.swiftSettings?.append(.unsafeFlags(["-Onone"], .when(configuration: .release)))
}
