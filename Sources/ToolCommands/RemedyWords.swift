package import Weighbridge

extension Remedy {
  /// The words of the command line, to be pasted into a shell.
  package var argument: String {
    func option(_ name: String, _ values: [String]) -> String {
      values.isEmpty
        ? name
        : values.map { value in
          // A value that looks like an option has to hang on its own.
          name + (value.hasPrefix("-") ? "=" : " ") + shellPattern(value)
        }.joined(separator: " ")
    }
    return switch self {
    case .replaceExisting: "--force"
    case .leaveOut(let names): option("--exclude", names)
    case .leaveOutMatching(let pattern): "--exclude " + shellWord(pattern)
    case .weightsOnly: "--weights-only"
    case .takeOnly: "--include"
    case .acceptLoss(let name): option("--allow-loss", name.map { [$0] } ?? [])
    case .acceptSetting(let key): option("--allow-loss", [key])
    case .acceptMissing(let name): option("--allow-missing", name.map { [$0] } ?? [])
    case .fillZeros(let name): option("--fill-zeros", name.map { [$0] } ?? [])
    // A rule is not cut: what its wildcards stand for would be another thing on each side.
    case .rename(let old, let new): "--rename " + shellWord(old + "=>" + new)
    case .cast(let type): "--dtype " + type
    case .format(let names): names.map { "--format " + $0 }.joined(separator: " or ")
    case .layout(let name): "--layout " + name
    case .shardSize: "--max-shard-size"
    case .attentionHeads: "--attention-heads"
    case .task(let name): "--task" + (name.map { " " + shellWord($0) } ?? "")
    case .problem: "--problem"
    case .modelClass(let name): "--architecture " + name
    case .adapter(let path): "--adapter " + shellWord(path)
    case .cutTexts: "--truncation"
    case .keepUnknownObjects: "--inert"
    case .scan: "scan"
    case .inspect: "inspect"
    case .convert: "`weighbridge convert`"
    }
  }
}

extension Wording {
  /// The text in the words of the command line.
  var toolText: String { text { $0.argument } }
}

extension CheckpointError {
  /// The line in the words of the command line.
  var toolLine: String { line { $0.argument } }
}
