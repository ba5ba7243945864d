internal import ArgumentParser
internal import Weighbridge

/// `weighbridge manifest`: the digest of each tensor, to be written down and checked later.
struct ManifestCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "manifest",
    abstract: "Writes down what tensors a checkpoint has, with their SHA-256, or checks that.",
    discussion: """
      A manifest is one JSON object: each tensor's name, type, shape and the SHA-256 of its packed little-endian bytes, and \
      the digest of the whole model. It says nothing of files, so that a checkpoint agrees with it in any container \
      and any number of shards. Ends with exit code 1 if a checkpoint does not agree. Whatever runs a model or converts takes \
      --manifest, and refuses what differs before anything is done with it.

      Examples:
        weighbridge manifest model.safetensors --output model.manifest.json
        weighbridge manifest converted/model.pt --check model.manifest.json
        weighbridge classify model/ 'the scale is even' --manifest model.manifest.json
      """)

  @Argument(help: "A checkpoint file, an index of shards, or a model directory.")
  var source: String

  @Option(
    name: [.customShort("o"), .long, .customLong("out")],
    help: ArgumentHelp(
      "Write the manifest there; one that exists is replaced, another file is not.",
      valueName: "file"))
  var output: String?

  @Option(help: ArgumentHelp("Check the checkpoint against this manifest.", valueName: "file"))
  var check: String?

  @Flag(help: "Print everything as one JSON object, errors included (docs/json.md).")
  var json = false

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func validate() throws {
    try refuseStandardStreams([source, output, check])
    if output != nil, check != nil {
      throw ValidationError("--output writes a manifest, --check reads one: say one of them")
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    // What is checked against is read first: a slip in its name is found at once.
    let expected = try check.map { path throws(CheckpointError) in
      try CheckpointManifest(contentsOf: path)
    }
    if let output, try PathKind(path: output) == .file {
      do throws(CheckpointError) {
        _ = try CheckpointManifest(contentsOf: output)
      } catch {
        throw CheckpointError(
          .inconsistent, file: output, "is there and is no manifest: it is not replaced")
      }
    }
    let checkpoint = try Checkpoint.open(source, options: sourceOptions.openOptions)
    let bar = ProgressBar(console)
    defer { bar.clear() }
    let manifest = try CheckpointManifest(
      of: checkpoint, at: source, progress: bar.handler)
    bar.clear()
    if let expected {
      let difference = expected.difference(to: manifest)
      if json {
        console.write(JSONWriter.text(difference.json) + "\n")
      } else if !console.style.isQuiet {
        console.write(
          difference.lines(console.style, source: source).joined(separator: "\n") + "\n")
      }
      return difference.isEqual ? .done : .different
    }
    guard let output else {
      console.write(json ? JSONWriter.text(manifest.json) + "\n" : manifest.text)
      return .done
    }
    try manifest.write(to: output)
    if json {
      console.write(JSONWriter.text(manifest.json) + "\n")
    } else if !console.style.isQuiet {
      console.write(
        "\(singleLine(output)): \(counted(manifest.tensors.count, "tensor")), sha256 \(manifest.sha256)\n"
      )
    }
    return .done
  }
}

extension CheckpointManifest.Difference {
  /// The difference for programs.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(isEqual)), JSONValue.Member("missing", texts(missing)),
      JSONValue.Member("extra", texts(extra)),
      JSONValue.Member(
        "changed",
        .array(
          changed.map {
            .object([
              JSONValue.Member("name", .string($0.name.string)),
              JSONValue.Member("what", .string($0.what)),
            ])
          })),
    ])
  }
}
