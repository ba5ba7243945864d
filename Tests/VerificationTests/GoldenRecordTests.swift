import CheckpointBytes
import LanguageModels
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import Verification
import WeightGraph

@Suite("Golden records")
struct GoldenRecordTests {
  private let ids: Weight
  private let logits: Weight

  init() throws {
    ids = try Records.weight([1, 2], [Int64(3), 4])
    logits = try Records.weight([1, 2, 1], [Float(1), 2])
  }

  @Test("Arguments of models are inputs, everything else is an output")
  func split() throws {
    let mask = try Records.weight(.bool, [1, 2], [1, 0])
    let record = try GoldenRecord(
      Records.graph(["logits": logits, "input_ids": ids, "attention_mask": mask]))
    #expect(Array(record.inputs.keys) == ["input_ids", "attention_mask"])
    #expect(Array(record.outputs.keys) == ["logits"])
    #expect(try record.integers(of: "input_ids") == [3, 4])
    #expect(try record.integers(of: "attention_mask") == [1, 0])
    #expect(try record.integers(of: "position_ids") == nil)
    #expect(try record.values(of: "logits") == [1, 2])
    let inputs = try record.modelInputs()
    #expect(inputs.inputIDs.dimensions == [1, 2] && inputs.attentionMask?.elements == [1, 0])
    #expect(inputs.tokenTypeIDs == nil && inputs.positionIDs == nil)
  }

  @Test("Labels are inputs: classes, or numbers")
  func labels() throws {
    let record = try GoldenRecord(
      Records.graph(["input_ids": ids, "labels": logits, "mc_labels": ids, "loss": logits]))
    #expect(Array(record.inputs.keys) == ["input_ids", "labels", "mc_labels"])
    #expect(Array(record.outputs.keys) == ["loss"])
    let given = try record.modelInputs().labels
    #expect(given.labels?.elements == [1, 2] && given.labels?.areClasses == false)
    #expect(given.choices?.elements == [3, 4] && given.choices?.areClasses == true)
    #expect(given.startPositions == nil)
  }

  @Test("Inputs may lie in a file of their own, as those of `weighbridge run` do")
  func apart() throws {
    let record = try GoldenRecord(
      Records.graph(["logits": logits]), inputs: Records.graph(["input_ids": ids]))
    #expect(try record.modelInputs().inputIDs.elements == [3, 4])
  }

  @Test(
    "A record without outputs, or with an input twice is refused; no model here runs one without tokens"
  )
  func incomplete() throws {
    let outputs = try GoldenRecord(Records.graph(["logits": logits]), file: "g")
    #expect(throws: CheckpointError(.notFound, tensor: "input_ids", "")) {
      try outputs.modelInputs()
    }
    #expect(throws: CheckpointError(.notFound, file: "g", "")) {
      try GoldenRecord(Records.graph(["input_ids": ids]), file: "g")
    }
    #expect(throws: CheckpointError(.inconsistent, file: "g", tensor: "input_ids", "")) {
      try GoldenRecord(
        Records.graph(["logits": logits, "input_ids": ids]),
        inputs: Records.graph(["input_ids": ids]), file: "g")
    }
  }

  @Test("Inputs of real numbers, outputs of whole ones, and outputs among the inputs are refused")
  func wrongTypes() throws {
    #expect(throws: CheckpointError(.malformed, file: "g", tensor: "input_ids", "")) {
      try GoldenRecord(Records.graph(["input_ids": logits, "logits": logits]), file: "g")
    }
    #expect(throws: CheckpointError(.malformed, file: "g", tensor: "labels", "")) {
      let flags = try Records.weight(.bool, [1, 2], [1, 0])
      return try GoldenRecord(Records.graph(["labels": flags, "logits": logits]), file: "g")
    }
    #expect(throws: CheckpointError(.malformed, file: "g", tensor: "places", "")) {
      try GoldenRecord(Records.graph(["input_ids": ids, "places": ids]), file: "g")
    }
    #expect(throws: CheckpointError(.malformed, tensor: "logits", "")) {
      try GoldenRecord(
        Records.graph(["logits": logits]),
        inputs: Records.graph(["input_ids": ids, "logits": logits]))
    }
  }

  @Test("A record may state its inputs, of any type, and the order of its outputs")
  func stated() throws {
    let pixels = try Records.weight([1, 2], [Float(0.5), -1])
    let origin = #"{"inputs": ["pixels", "flags"], "order": ["b:output", "a"]}"#
    let record = try GoldenRecord(
      Records.graph(
        [
          "a": logits, "pixels": pixels, "flags": Records.weight(.bool, [2], [1, 0]),
          "b:output": logits,
        ], origin: origin))
    #expect(Array(record.inputs.keys) == ["pixels", "flags"])
    #expect(Array(record.outputs.keys) == ["a", "b:output"])
    #expect(record.origin.order == ["b:output", "a"])
    #expect(try record.values(of: "pixels") == [0.5, -1])
    #expect(try record.values(of: "flags") == [1, 0])
    #expect(throws: CheckpointError(.notFound, tensor: "c", "")) { try record.values(of: "c") }
    let site = CheckpointError.Site(field: "weighbridge.golden")
    for wrong in [#"{"inputs": "pixels"}"#, #"{"order": [1]}"#] {
      #expect(throws: CheckpointError(.malformed, site, "")) {
        try GoldenRecord(Records.graph(["a": logits], origin: wrong))
      }
    }
  }

  @Test("A number that no double holds is refused, and not rounded")
  func hugeInput() throws {
    let huge = try Records.weight([1, 1], [Int64.max])
    let record = try GoldenRecord(Records.graph(["input_ids": huge, "logits": logits]))
    #expect(
      throws: CheckpointError(.malformed, tensor: "input_ids", "")
    ) { try record.modelInputs() }
  }

  @Test("The origin is read from the metadata; without it nothing is known")
  func origin() throws {
    func origin(_ text: String?) throws -> GoldenRecord.Origin {
      try GoldenRecord(Records.graph(["input_ids": ids, "logits": logits], origin: text)).origin
    }
    #expect(try origin(nil) == GoldenRecord.Origin())
    let stated = try origin(
      #"{"class": "BertModel", "dtype": "bfloat16", "attention": "eager", "seed": 7}"#)
    #expect(stated.modelClass == "BertModel" && stated.attention == "eager")
    #expect(stated.dtype == .bf16 && stated.statements.count == 4)
    #expect(Tolerance.standard(computedIn: stated.dtype) == .bfloat16)
    let site = CheckpointError.Site(field: "weighbridge.golden")
    for text in ["[]", #"{"dtype": "int8"}"#, #"{"class": 1}"#] {
      #expect(throws: CheckpointError(.malformed, site, "")) { try origin(text) }
    }
    #expect(throws: CheckpointError.self) { try origin("{") }
    #expect(try origin(#"{"version": 1}"#).modelClass == nil)
    for text in [#"{"version": 2}"#, #"{"version": "1"}"#] {
      #expect(throws: CheckpointError(.unsupported, site, "")) { try origin(text) }
    }
  }

  @Test("Hidden states and attentions are computed if they were recorded, and attention as it was")
  func runOptions() throws {
    func options(_ name: ExactName, _ attention: String) throws -> RunOptions {
      try GoldenRecord(
        Records.graph(
          ["input_ids": ids, name: logits], origin: #"{"attention": "\#(attention)"}"#)
      ).runOptions
    }
    #expect(
      try options("hidden_states.0", "sdpa") == RunOptions(extras: .hiddenStates, blindRows: .zero))
    #expect(
      try options("attentions.0", "eager") == RunOptions(extras: .attentions, blindRows: .average))
    #expect(try options("logits", "flash") == RunOptions())
  }
}
