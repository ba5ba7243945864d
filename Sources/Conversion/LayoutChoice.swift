internal import Checkpoints
public import LayoutRules

/// How a conversion names and shapes what it writes.
public enum LayoutChoice: Sendable, Hashable {
  /// `tf_model.h5`'s layout in HDF5 files, Transformers' in others if the checkpoint has another one; names stay as they
  /// are where that is Transformers' already, or where no model is recognised.
  case automatic
  /// Names and shapes stay as they are.
  case flat
  /// This layout. The checkpoint must be a model that it can hold.
  case layout(Layout)

  /// The choices that a conversion can write, as a command line names them.
  public static let all: [LayoutChoice] = [
    .automatic, .flat, .layout(.transformers), .layout(.tensorFlow), .layout(.kerasHub),
  ]

  /// The choice as a command line names it.
  public var argumentText: String {
    switch self {
    case .automatic: "auto"
    case .flat: "flat"
    case .layout(let layout): layout.rawValue
    }
  }

  /// Reads a choice as a command line names it; nil if it names none that can be written.
  public init?(argumentText: String) {
    guard let choice = Self.all.first(where: { $0.argumentText == argumentText }) else {
      return nil
    }
    self = choice
  }
}

extension LayoutChoice {
  /// The one format that the layout's framework reads; nil if it reads several.
  var frameworkFormat: CheckpointFormat? {
    switch self {
    case .layout(.tensorFlow), .layout(.kerasHub): .hdf5
    default: nil
    }
  }
}
