internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import WeightGraph

extension KerasPreset {
  /// The weights of a task as the two files of a preset hold them; one file if they are a backbone alone. The prefix is what
  /// the names in a file leave out.
  static func files(of ties: [Tie]) -> [(name: String, ties: [Tie], prefix: String)] {
    let backbone = ties.filter { backbonePrefix(of: $0.names[0]) != nil }
    guard let prefix = backbone.first.flatMap({ backbonePrefix(of: $0.names[0]) }) else {
      return [(backboneFiles[0], ties, "")]
    }
    let bare = backbone.map { tie in
      var bare = tie
      bare.names = tie.names.map { name in
        ExactName(String(name.string.dropFirst(backbonePrefix(of: name)?.count ?? 0)))
      }
      return bare
    }
    let task = ties.filter { backbonePrefix(of: $0.names[0]) == nil }
    return [(backboneFiles[0], bare, prefix)] + (task.isEmpty ? [] : [(taskFile, task, "")])
  }

  private static func backbonePrefix(of name: ExactName) -> String? {
    let parts = name.string.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "layers", parts[1].hasSuffix("_backbone") else {
      return nil
    }
    return "layers/\(parts[1])/"
  }

  /// What must not stay from another preset: weights of a task, and, beside a backbone alone, its description.
  static func taskFiles(of head: ModelHead?) -> [String] {
    head == .base ? [taskFile, taskDescription] : [taskFile]
  }
}
