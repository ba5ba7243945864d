internal import Weighbridge

/// Where each of several sources is written in one directory: under its own name, with the extension of the format.
struct ConversionJobs {
  /// One of them.
  struct Job {
    let source: String
    let destination: String
  }

  let all: [Job]

  /// - Throws: `inconsistent`, naming both, if two would become one; `inputOutput` if the directory cannot be made.
  init(
    _ sources: [String], to directory: String, format: CheckpointFormat, makesDirectory: Bool
  ) throws(CheckpointError) {
    var jobs: [Job] = []
    var takenBy: [ExactName: String] = [:]
    for source in sources {
      let name = try Self.name(of: source, format)
      if let other = takenBy.updateValue(source, forKey: ExactName(name)) {
        throw CheckpointError(
          .inconsistent, file: source,
          "it and \(quoted(other)) would both become \(quoted(Directory.join(directory, name)))",
          remedy: "convert one of them by itself, or to another directory")
      }
      jobs.append(Job(source: source, destination: Directory.join(directory, name)))
    }
    if makesDirectory { try Directory.makeAll(directory) }
    all = jobs
  }

  /// A directory stays one, and is written as such; so is a model of the Hub's cache.
  private static func name(
    of source: String, _ format: CheckpointFormat
  ) throws(CheckpointError) -> String {
    let bare = source.hasSuffix("/") ? String(source.dropLast()) : source
    let (_, name) = splitPath(bare)
    guard try PathKind(path: HubCache.located(source)) != .directory else {
      return (name == "." || name == ".." ? "model" : name) + "/"
    }
    let base =
      name.hasSuffix(".index.json")
      ? withoutExtension(String(name.dropLast(".index.json".count))) : withoutExtension(name)
    return base + format.usualExtension(for: name)
  }

  private static func withoutExtension(_ name: String) -> String {
    let dot = name.lastIndex(of: ".").flatMap { $0 == name.startIndex ? nil : $0 }
    return String(name[..<(dot ?? name.endIndex)])
  }
}

extension CheckpointFormat {
  /// The extension that files of the format usually have: what Transformers and PEFT look for ends in `.bin`.
  fileprivate func usualExtension(for name: String) -> String {
    switch self {
    case .safetensors: ".safetensors"
    case .hdf5: ".h5"
    case .pytorch:
      ["pytorch_model.", "adapter_model.", "diffusion_pytorch_model."].contains {
        name.hasPrefix($0)
      } ? ".bin" : ".pt"
    }
  }
}
