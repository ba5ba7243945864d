internal import CheckpointBytes

/// What a checkpoint was recognised as, from names and shapes alone.
public struct RecognizedModel: Sendable {
  /// How sure it is.
  public enum Certainty: Sendable, Hashable {
    /// Names and shapes leave no choice.
    case certain
    /// Something else would fit too; the reason in words.
    case likely(String)
  }

  /// The family, head and sizes, and so every canonical parameter.
  public let architecture: ModelArchitecture
  /// The convention of its names.
  public let layout: Layout
  /// What stands before every name and belongs to no layout, such as `module.`; mostly empty.
  public let wrapper: String
  /// Components that wrapped parts of the model put inside the names, such as `_orig_mod`; mostly none.
  public let innerWrappers: [String]
  /// Other heads that have the same parameters: names and shapes cannot tell them apart.
  public let alternatives: [ModelHead]
  /// The head that fits best, whichever is stated: a checkpoint may hold more than the model that is wanted.
  let fittingHead: ModelHead
  /// True if another family has the same names: nothing but the number of token types tells BERT from RoBERTa, and nothing
  /// at all some families of KerasHub without a head.
  public let isFamilyLikelyOnly: Bool
  /// How sure the family, the head and the wrapper are. What was stated is certain.
  public let certainty: Certainty
  /// What is odd about the checkpoint as a whole, a sentence each: layers that are missing, or counted from 1.
  public let remarks: [String]

  /// The classification heads that are there beside the one that was stated.
  let otherTasks: [String]
  let table: LayoutTable
  let values: TemplateValues
  /// The names without wrappers, which `values` fills templates in for, and those of the checkpoint.
  let names: WrapperSegments

  /// True if the names are those that the layout's own framework writes: nothing stands before them or inside them, and of
  /// several forms of the layout they have the first.
  public var isAsWritten: Bool {
    wrapper.isEmpty && innerWrappers.isEmpty
      && LayoutTable.tables(layout, architecture.family).first?.rules.first?.text
        == table.rules.first?.text
  }

  /// One line for people: the class, the layout, what was stripped.
  public var description: String {
    let name = architecture.head.className(in: architecture.family) ?? ""
    return name + " in layout \(layout.rawValue)"
      + (wrapper.isEmpty ? "" : ", names under " + quoted(wrapper))
      + (innerWrappers.isEmpty
        ? "" : ", with " + innerWrappers.map { quoted($0) }.joined(separator: ", ") + " inside")
      + (alternatives.isEmpty
        ? ""
        : ", or "
          + alternatives.compactMap { $0.className(in: architecture.family) }
          .joined(separator: ", "))
      + (isFamilyLikelyOnly ? " (another family has these names too)" : "")
  }
}
