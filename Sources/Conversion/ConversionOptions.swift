public import Adapters
public import CheckpointBytes
public import Checkpoints
public import TensorValues

/// What a conversion is to do beyond carrying everything as it is.
public struct ConversionOptions: Sendable {
  /// The format to write; nil takes it from the destination's extension.
  public var format: CheckpointFormat?
  /// How names and shapes are written.
  public var layout = LayoutChoice.automatic
  /// Parameters of a recognised model that may be missing; they are left out of the destination.
  public var allowMissing: [NamePattern] = []
  /// Parameters that the layout to be written does not hold, or not whole, and that may be lost.
  public var allowLoss: [NamePattern] = []
  /// Parameters that become zeros where the source's layout does not hold them, or not whole.
  public var fillZeros: [NamePattern] = []
  /// The number of attention heads, for a model whose weights and configuration do not tell it.
  public var attentionHeads: Int?
  /// Of several classification heads of a fairseq checkpoint, the one that is meant.
  public var task: String?
  /// The type to cast weights of the same category to: a float type casts the float weights, and leaves integers alone.
  public var dtype: DType?
  /// The most bytes of tensor data in one file; more is written as shards with an index.
  public var maximumShardSize: Int?
  /// Only weights that match one of these are taken; none means all.
  public var include: [NamePattern] = []
  /// Weights that match one of these are left out.
  public var exclude: [NamePattern] = []
  /// True if what is not the model is left aside, whatever its architecture: the states of optimizers and of the training loop,
  /// averages beside the weights, and plain values. A dictionary of the file's own around all of the model's names goes
  /// (`state_dict.`).
  public var weightsOnly = false
  /// New names; for each weight the first rule that matches counts.
  public var rename: [RenameRule] = []
  /// A low-rank adapter to merge into the weights, after these have their new names; nil for none.
  public var adapter: LowRankAdapter?
  /// Bounds on what may be asked for by what was written, when it is opened again: those that the source was opened with.
  public var limits = ReadLimits()
  /// True if the result is opened again and compared with the source.
  public var verifies = true
  /// True if a conversion goes on that was ended before it was complete: files of weights that are there count if each of their
  /// bytes is the one that would be written, and each further one is put in place as soon as it is complete.
  public var resumes = false
  /// True if existing files may be replaced.
  public var replacesExisting = false

  /// The default options.
  public init() {}
}
