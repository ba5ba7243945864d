internal import CheckpointBytes
public import Checkpoints

extension CheckpointManifest.Difference: CustomStringConvertible {
  /// What differs, as the tool prints it; a long list is cut.
  public var description: String { lines(.plain, source: nil).joined(separator: "\n") }

  /// The difference for people.
  ///
  /// - Parameter source: The path of the checkpoint; nil if it is not to be named.
  package func lines(_ style: TextStyle, source: String?) -> [String] {
    let subject = source.map { singleLine($0) + ": " } ?? ""
    if isEqual {
      return [style.paint("\(subject)\(counted(count, "tensor")) as the manifest has them", .good)]
    }
    let all =
      missing.map { "missing: " + singleLine($0.string) }
      + extra.map { "not in the manifest: " + singleLine($0.string) }
      + changed.map { "changed: \(singleLine($0.name.string)): \($0.what)" }
    return style.shown(all, limit: 40) + style.rest(of: all.count, limit: 40)
      + [
        style.paint(
          "\(subject)not as the manifest has it: \(missing.count) missing, \(extra.count) extra, \(changed.count) changed",
          .bad)
      ]
  }
}
