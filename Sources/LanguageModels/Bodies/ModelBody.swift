internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// What a model computes below its head.
protocol ModelBody: Sendable {
  var context: ExecutionContext { get }
  /// The number of rows of each table.
  var tables: TokenBatch.Tables { get }
  /// The type of every token if none are stated; nil adds nothing.
  var typesWithout: Int? { get }

  /// Checked inputs, with what is not stated filled in.
  func tokens(_ inputs: ModelInputs) throws(CheckpointError) -> TokenBatch

  /// The places whose rows count even where the mask hides them, whatever the head.
  func needed(_ tokens: TokenBatch) -> [Int]

  /// The last hidden state of each row, or of those that the pass needs behind the last layer, `[rows, hidden]`.
  func callAsFunction(_ pass: ForwardPass) throws(CheckpointError) -> Tensor

  /// What the pooler makes of each sequence's first token, `[sequences, hidden]`; nil without a pooler.
  func pooled(_ result: BodyResult) throws(CheckpointError) -> Tensor?
}
