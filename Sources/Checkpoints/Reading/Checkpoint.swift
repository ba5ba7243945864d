public import CheckpointBytes
public import WeightGraph

/// An open checkpoint: where it came from, and its weights as a graph. No tensor data has been read.
public struct Checkpoint: Sendable {
  /// The format of its files.
  public let format: CheckpointFormat
  /// The kind of container in the format's own words: `zip`, `legacy stream`, `keras 2`…
  public let container: String
  /// The files it was read from, in the order in which they were opened; an index comes first.
  public let files: [String]
  /// The weights and what the checkpoint holds beside them.
  public let graph: WeightGraph
  /// Names that are further hard links to a data set in an HDF5 file that does not call them ties. The graph has them as
  /// tied weights; lists of the file's objects need not repeat them.
  public let links: Set<ExactName>
  /// What a user should know about how the checkpoint was opened.
  public internal(set) var notes: [String]
  /// Why the checkpoint is not whole by its own lists: a weight that they name was refused. Nil unless
  /// ``OpenOptions/takesIncomplete`` was asked for.
  public let incompleteness: CheckpointError?
  /// The weights of the modules that follow the model in a directory, or why they cannot be opened.
  package internal(set) var modules: Result<[(name: ExactName, weight: Weight)], CheckpointError> =
    .success([])

  /// A checkpoint of its parts: what opening gives, or one that was made in memory and has no files.
  public init(
    format: CheckpointFormat, container: String, files: [String] = [], graph: WeightGraph,
    links: Set<ExactName> = [], notes: [String] = [], incompleteness: CheckpointError? = nil
  ) {
    self.format = format
    self.container = container
    self.files = files
    self.graph = graph
    self.links = links
    self.notes = notes
    self.incompleteness = incompleteness
  }
}

/// How to open a checkpoint.
public struct OpenOptions: Sendable {
  /// Bounds on what a file may ask for.
  public var limits = ReadLimits()
  /// True if pickles may name globals outside the allow-list: the objects are kept as inert values, nothing is called.
  public var keepsUnknownObjects = false
  /// True if a checkpoint opens of which a weight is refused that its own lists name, to be looked at or carried without
  /// that weight (``Checkpoint/incompleteness``). Weights that are listed and not there at all are refused in any case.
  public var takesIncomplete = false
  /// What the checkpoint has to be: one that differs in a name, a type, a shape or a value is refused. All of it is read for
  /// that while it is opened, and what is loaded afterwards comes out of the same open files.
  public var manifest: CheckpointManifest?

  /// The default options: strict.
  public init() {}
}
