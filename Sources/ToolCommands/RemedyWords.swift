internal import Weighbridge

extension Remedy {
  /// The words of the command line, to be pasted into a shell.
  var argument: String {
    func option(_ name: String, _ values: [String]) -> String {
      values.isEmpty
        ? name : values.map { "\(name) \(shellPattern($0))" }.joined(separator: " ")
    }
    return switch self {
    case .replaceExisting: "--force"
    case .leaveOut(let names): option("--exclude", names)
    case .takeOnly: "--include"
    case .acceptLoss(let name): option("--allow-loss", [name])
    case .acceptSetting(let key): "--allow-loss " + key
    case .acceptMissing(let name): option("--allow-missing", name.map { [$0] } ?? [])
    case .fillZeros(let name): option("--fill-zeros", [name])
    case .rename(let old, let new): option("--rename", [old + "=>" + new])
    case .cast(let type): "--dtype " + type
    case .format(let names): "--format " + names.joined(separator: "|")
    case .layout(let name): "--layout " + name
    case .shardSize: "--max-shard-size"
    case .attentionHeads: "--attention-heads"
    case .modelClass(let name): "--architecture " + name
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
