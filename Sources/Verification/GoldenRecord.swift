public import CheckpointBytes
internal import LanguageModels
public import OrderedCollections
public import TensorValues
public import WeightGraph

/// A recorded run of a model: what went in, what came out, and how it was made.
///
/// It is an ordinary checkpoint of named tensors, in practice a safetensors file. A tensor is an input if the record says so
/// (``Origin/inputs``) or its name is one of the arguments of the language models here, labels among them
/// (``inputNames``), and an output otherwise, under the name that Transformers gives it, with a number for lists:
/// `hidden_states.0`; what a module within the model was given and gave is `encoder.layer.0.attention:input` and
/// `encoder.layer.0.attention:output`. What `weighbridge run` writes holds outputs; together with the file of its inputs it is
/// a golden record. `docs/verification.md` describes the format.
public struct GoldenRecord: Sendable {
  /// The names that always mean inputs.
  public static let inputNames: [ExactName] = (ModelInputs.argumentNames + ModelLabels.names).map {
    ExactName($0)
  }

  /// The inputs, in the record's order.
  public private(set) var inputs: OrderedDictionary<ExactName, Weight> = [:]
  /// The outputs, in the record's order.
  public private(set) var outputs: OrderedDictionary<ExactName, Weight> = [:]
  /// How it was made, as far as the record says.
  public let origin: Origin

  /// How a record was made: the JSON object under the metadata key `weighbridge.golden`. One key for all of it, since the
  /// reference's writer puts several in no certain order.
  public struct Origin: Sendable, Hashable {
    /// The class that was run: `BertForMaskedLM`.
    public var modelClass: String?
    /// The type it was computed in.
    public var dtype: DType?
    /// Transformers' attention implementation: `eager`, `sdpa`.
    public var attention: String?
    /// The names of the inputs, of any type, where the record is of another model than the language models here.
    public var inputs: Set<ExactName> = []
    /// The names of the outputs in the order in which they were computed; those that are not listed come last.
    public var order: [ExactName] = []
    /// Everything that is stated: these, versions, the seed.
    public var statements: [JSONValue.Member] = []

    /// The metadata key.
    public static let key: ExactName = "weighbridge.golden"

    /// Nothing is known.
    public init() {}
  }

  /// Takes a record, with the inputs in the same checkpoint or in another.
  ///
  /// - Parameters:
  ///   - graph: The record. `inputs` must be a checkpoint of inputs only.
  ///   - other: The inputs, if they are in a checkpoint of their own.
  ///   - file: The name of the record's file, for errors.
  /// - Throws: `notFound` without any output; `malformed` for an input of a language model that is not of whole numbers, or
  ///   labels that are no numbers, an output that is not of real numbers, or metadata that cannot be read; `inconsistent` for an input that is in both.
  public init(
    _ graph: WeightGraph, inputs other: WeightGraph? = nil, file: String? = nil
  ) throws(CheckpointError) {
    origin = try Origin(graph.facts.metadata, file: file)
    for (name, weight) in graph.weights {
      if isInput(name) {
        try insertInput(weight, name, file)
      } else if weight.dtype.category == .real {
        outputs[name] = weight
      } else {
        throw CheckpointError(
          .malformed, CheckpointError.Site(file: file), tensor: name.string,
          "an output of type \(weight.dtype), expected real numbers", remedy: inputsRemedy)
      }
    }
    for (name, weight) in other?.weights ?? [:] {
      guard isInput(name) else {
        throw CheckpointError(
          .malformed, tensor: name.string, "this is no input of a model", remedy: inputsRemedy)
      }
      try insertInput(weight, name, file)
    }
    guard !outputs.isEmpty else {
      throw CheckpointError(
        .notFound, CheckpointError.Site(file: file), "there is no output to compare with")
    }
  }

  private func isInput(_ name: ExactName) -> Bool {
    GoldenRecord.inputNames.contains(name) || origin.inputs.contains(name)
  }

  private var inputsRemedy: Wording {
    let names = GoldenRecord.inputNames + origin.inputs.sorted()
    return "inputs are \(names.map(\.string).joined(separator: ", "))"
  }

  private mutating func insertInput(
    _ weight: Weight, _ name: ExactName, _ file: String?
  ) throws(CheckpointError) {
    let areLabels = ModelLabels.names.contains(name.string)
    guard
      weight.dtype.category == .integer || weight.dtype.category == .real && areLabels
        || weight.dtype == .bool && name == "attention_mask"
        || !GoldenRecord.inputNames.contains(name)
    else {
      throw CheckpointError(
        .malformed, CheckpointError.Site(file: file), tensor: name.string,
        "an input of type \(weight.dtype), expected \(areLabels ? "" : "whole ")numbers")
    }
    guard inputs.updateValue(weight, forKey: name) == nil else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(file: file), tensor: name.string,
        "the record and the file of inputs both hold this input")
    }
  }

  /// True if the record has hidden states, so that the layer can be named where a model goes astray.
  public var hasHiddenStates: Bool { has("hidden_states.") }
  /// True if the record has attentions.
  public var hasAttentions: Bool { has("attentions.") }

  private func has(_ prefix: String) -> Bool {
    outputs.keys.contains { $0.string.hasPrefix(prefix) }
  }
}
