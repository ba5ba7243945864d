internal import ArgumentParser
internal import Weighbridge

/// Options that move the bounds on what a file may ask for.
struct LimitOptions: ParsableArguments {
  @Option(
    name: .customLong("read-limit"),
    help: ArgumentHelp(
      "Allow more or less of what a file may ask for (pickle-bytes=2GB, tensor-count=5000). Repeatable.",
      valueName: "name=value"))
  var limit: [String] = []

  /// The bounds, by the names that the option takes.
  private static let names:
    [(name: String, path: any WritableKeyPath<ReadLimits, Int> & Sendable)] = [
      ("safetensors-header-bytes", \.safetensorsHeaderBytes), ("json-depth", \.jsonDepth),
      ("json-bytes", \.jsonBytes), ("json-values", \.jsonValues),
      ("tensor-count", \.tensorCount), ("rank", \.rank), ("name-bytes", \.nameBytes),
      ("pickle-depth", \.pickleDepth), ("pickle-bytes", \.pickleBytes),
      ("inflated-pickle-bytes", \.inflatedPickleBytes), ("pickle-values", \.pickleValues),
      ("pickle-objects", \.pickleObjects), ("pickle-elements", \.pickleElements),
      ("pickle-tuple-elements", \.pickleTupleElements), ("pickle-stack", \.pickleStack),
      ("pickle-visits", \.pickleVisits), ("group-depth", \.groupDepth),
      ("object-count", \.objectCount), ("attribute-bytes", \.attributeBytes),
      ("chunk-bytes", \.chunkBytes), ("inflate-ratio", \.inflateRatio),
    ]

  /// The default bounds with what the options say.
  var limits: ReadLimits { (try? parsed()) ?? ReadLimits() }

  func validate() throws { _ = try parsed() }

  private func parsed() throws -> ReadLimits {
    var limits = ReadLimits()
    for text in limit {
      let parts = text.split(separator: "=", maxSplits: 1).map { String($0) }
      guard parts.count == 2, let path = Self.names.first(where: { $0.name == parts[0] })?.path
      else {
        throw ValidationError(
          "--read-limit '\(text)': expected NAME=VALUE, NAME one of "
            + Self.names.map(\.name).joined(separator: ", "))
      }
      guard let value = Int(parts[1]) ?? ByteSize.parse(parts[1]), value > 0 else {
        throw ValidationError("--read-limit '\(text)': expected a number or a size such as 2GB")
      }
      limits[keyPath: path] = value
    }
    return limits
  }
}
