public import CheckpointBytes
public import Checkpoints
public import LayoutRules
public import TensorValues

/// What a conversion did, or would do: every change is listed, and what is not listed was carried as it was.
public struct ConversionReceipt: Sendable {
  /// A weight that got another type.
  public struct Cast: Sendable {
    /// The weight's new name.
    public let name: ExactName
    /// The type in the source.
    public let from: DType
    /// The type in the destination.
    public let to: DType
    /// The largest absolute difference between a finite value and what became of it; nil until it was measured.
    public var largestError: Double?
    /// Finite values that became infinite or NaN, and infinite ones that did not stay infinite; nil until they were
    /// counted.
    public var overflowed: Int?
    /// The root of the mean square of the differences as a part of that of the values; nil until it was measured.
    public var relativeError: Double?
  }

  /// A model that got another layout.
  public struct LayoutChange: Sendable {
    /// What the source was recognised as.
    public let model: RecognizedModel
    /// The layout written.
    public let to: Layout
    /// What became of every name of the source and every parameter of the model.
    public let report: LoadReport
    /// What became of every parameter of the model, and where every name that is written comes from
    /// (`SavePlan/entries`).
    public let written: [LoadReport.Entry]
  }

  /// Something that the destination does not hold.
  public typealias Omission = Checkpoints.Omission

  /// What was done to be sure.
  public enum Verification: Sendable, Equatable {
    /// Nothing was written, or verification was off.
    case none
    /// All weights were compared: so many names, and bytes of stored weights.
    case equal(tensors: Int, bytes: Int)
  }

  /// The path that was read.
  public var source: String
  /// The source's format and container.
  public var sourceFormat: String
  /// The format written.
  public var format: CheckpointFormat
  /// The files written, in the order in which they were put in place.
  public var files: [(path: String, byteCount: Int)] = []
  /// The files of weights that were there already, with the bytes that would have been written, where a conversion was gone on with.
  public var inPlace: [String] = []
  /// The number of names.
  public var tensorCount = 0
  /// The bytes of tensor data, tied weights counted once.
  public var byteCount = 0
  /// What was recognised and written in a layout; nil if names and shapes are the source's.
  public var layout: LayoutChange?
  /// Weights with a new name.
  public var renamed: [(from: ExactName, to: ExactName)] = []
  /// Weights with another type.
  public var casts: [Cast] = []
  /// Names that share one weight: the first is stored, the others lead to it.
  public var ties: [[ExactName]] = []
  /// What the destination does not hold.
  public var omissions: [Omission] = []
  /// What else is worth knowing: weights stored in an unusual way, views that were given bytes of their own…
  public var notes: [Wording] = []
  /// What was done to be sure.
  public var verification = Verification.none
  /// How long it took, in seconds, verification included.
  public var seconds = 0.0
}
