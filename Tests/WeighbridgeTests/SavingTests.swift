import Foundation
import TestSupport
import Testing
import Weighbridge

@Suite("Models that are saved")
struct SavingTests {
  private let models = GuideModels()

  /// Every format with every way of naming what is in it.
  struct Form: Sendable, CustomStringConvertible {
    let format: CheckpointFormat
    let layout: LayoutChoice

    var description: String { "\(format.rawValue), \(layout.argumentText)" }

    static let all = CheckpointFormat.allCases.flatMap { format in
      LayoutChoice.all.map { Form(format: format, layout: $0) }
    }

    var options: ConversionOptions {
      var options = ConversionOptions()
      options.format = format
      options.layout = layout
      return options
    }

    /// The only formats that these layouts are written in.
    var isPossible: Bool {
      switch layout {
      case .layout(.tensorFlow), .layout(.kerasHub): format == .hdf5
      default: true
      }
    }
  }

  private func failure(_ body: () throws -> Void) -> CheckpointError? {
    do {
      try body()
      return nil
    } catch { return error as? CheckpointError }
  }

  /// Saves a model, loads what was saved, and compares everything. Nil if it is refused, with the reason.
  private func roundTrip(
    _ tiny: TinyModel, _ model: any LanguageModel, _ form: Form, as kept: DType
  ) throws -> CheckpointError? {
    let directory = try TemporaryDirectory()
    let path = directory.file("saved")
    let refusal = failure { try model.save(to: path, options: form.options) }
    if let refusal {
      #expect(try PathKind(path: path) == .nothing)
      return refusal
    }
    let again = try loadLanguageModel(from: path, class: tiny.className)
    let (before, after) = try (SavedParameter.all(of: model), SavedParameter.all(of: again))
    #expect(before.map(\.names) == after.map(\.names), "\(tiny), \(form)")
    #expect(after.allSatisfy { $0.dtype == kept }, "\(tiny), \(form)")
    if before.first?.dtype == kept { #expect(before == after, "\(tiny), \(form)") }
    #expect(try tiny.outputs(again) == tiny.outputs(model), "\(tiny), \(form)")
    #expect(architectures(of: again) == [tiny.className], "\(tiny), \(form)")
    return nil
  }

  @Test(
    "Load, save, load is the identity for every class, in every format, layout and type",
    arguments: TinyModel.all, [DType.f32, .bf16, .f16])
  func identity(_ tiny: TinyModel, _ dtype: DType) throws {
    let model = try tiny.load(dtype)
    #expect(try SavedParameter.all(of: model).allSatisfy { $0.dtype == dtype })
    // What a type changes depends on the format, and on TensorFlow.
    let forms =
      dtype == .f32
      ? Form.all
      : Form.all.filter { [.layout(.transformers), .layout(.tensorFlow)].contains($0.layout) }
    for form in forms {
      // TensorFlow reads no bfloat16 from HDF5.
      let isTensorFlow =
        form.format == .hdf5 && [.automatic, .layout(.tensorFlow)].contains(form.layout)
      let kept = isTensorFlow && dtype == .bf16 ? DType.f32 : dtype
      let refusal = try roundTrip(tiny, model, form, as: kept)
      if !form.isPossible {
        #expect(refusal?.kind == .unsupported)
      } else if form.layout != .layout(.kerasHub), !isTensorFlow {
        #expect(refusal == nil, "\(tiny), \(form): \(refusal?.description ?? "")")
      } else if let refusal {
        // The framework has no such class, or no place for something of it, and that is said.
        #expect(refusal.kind == .unsupported || refusal.kind == .notFound, "\(form): \(refusal)")
      }
    }
  }

  private func architectures(of model: any LanguageModel) -> [String] {
    func read<Model: LanguageModel>(_ model: Model) -> [String] {
      model.configuration.architectures
    }
    return read(model)
  }

  @Test("Where nothing is tied, a model is saved with the bias that nothing is computed with too")
  func untied() throws {
    let tiny = try #require(TinyModel.all.first { $0.className == "BertForMaskedLM" })
    let tied = try #require(try tiny.load(.f32) as? BertForMaskedLM)
    let aliases = tied.parameters.aliases
    #expect(aliases.count == 2)
    let graph = try tied.parameters.graph().mapWeights {
      (name, weight) throws(CheckpointError) in
      guard aliases[name] != nil else { return weight }
      return try Weight(weight.floats().map { $0 + 0.25 }, shape: weight.shape.dimensions)
    }
    let count = graph.weights.count
    let settings = try tied.configuration.document.setting(
      "tie_word_embeddings", to: JSONValue.boolean(false))
    let directory = try TemporaryDirectory()
    let model = try BertForMaskedLM(weights: graph, document: settings)
    #expect(model.parameters.names.count == count && model.parameters.aliases.isEmpty)
    try model.save(to: directory.file("saved"))
    let again = try loadLanguageModel(from: directory.file("saved"), class: tiny.className)
    #expect(try SavedParameter.all(of: again) == SavedParameter.all(of: model))
    #expect(try tiny.outputs(again) == tiny.outputs(model))
  }

  @Test("TensorFlow and KerasHub hold what they have a class for, with the same bits")
  func frameworks() throws {
    var held: [LayoutChoice: [String]] = [:]
    for tiny in TinyModel.all {
      let form = Form(format: .hdf5, layout: .layout(.tensorFlow))
      if try roundTrip(tiny, tiny.load(), form, as: .f32) == nil {
        held[form.layout, default: []].append(tiny.className)
      }
      // Each of KerasHub's backbones has one activation.
      let preset = Form(format: .hdf5, layout: .layout(.kerasHub))
      let activation =
        tiny.className.hasPrefix("Bert") || tiny.className.hasPrefix("GPT2")
        ? "gelu_new" : "gelu"
      if try roundTrip(tiny, tiny.load(activation: activation), preset, as: .f32) == nil {
        held[preset.layout, default: []].append(tiny.className)
      }
    }
    // As Transformers 4.41 has them: all but two of GPT-2's.
    let without = ["GPT2ForTokenClassification", "GPT2ForQuestionAnswering"]
    let published = ["Bert", "DistilBert", "GPT2", "Roberta"]
    let expected = TinyModel.all.map(\.className).filter { name in
      published.contains { name.hasPrefix($0) } && !without.contains(name)
    }
    #expect(Set(expected).isSubset(of: held[.layout(.tensorFlow)] ?? []))
    // Those that lose nothing there: RoBERTa's token types and first positions, and BERT's language models, have no place.
    for name in [
      "BertModel", "BertForSequenceClassification", "DistilBertModel",
      "DistilBertForSequenceClassification", "GPT2Model", "GPT2LMHeadModel",
    ] { #expect(held[.layout(.kerasHub)]?.contains(name) == true, "\(name)") }
  }

  @Test("A directory gets settings and tokenizer, and what is there is not replaced unasked")
  func directories() throws {
    let source = try models.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: source)
    let path = try models.newPath("saved")
    let receipt = try model.save(to: path)
    #expect(
      Set(try Directory.names(in: path)) == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
      ])
    #expect(receipt.files.map(\.path).contains(path + "/model.safetensors"))
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      #expect(try bytes(source + "/" + name) == bytes(path + "/" + name))
    }
    let again = try BertForMaskedLM.load(from: path)
    #expect(try SavedParameter.all(of: again) == SavedParameter.all(of: model))
    #expect(try again.configuration.document == model.configuration.document)
    let text = "the [MASK]"
    #expect(
      try again.fillMasks(text, tokenizer: Tokenizer.load(from: path))[0].proposals.map(
        \.probability)
        == model.fillMasks(text, tokenizer: Tokenizer.load(from: source))[0].proposals.map(
          \.probability))

    let error = failure { try model.save(to: path) }
    #expect(error?.kind == .inconsistent && error?.description.contains("exists already") == true)
    var options = ConversionOptions()
    options.replacesExisting = true
    let weight = try #require(model.parameters["bert.embeddings.LayerNorm.weight"])
    let doubled = try weight.weight.floats().map { $0 * 2 }
    try weight.replace(with: self.weight(doubled, weight.shape))
    try model.save(to: path, options: options)
    let changed = try BertForMaskedLM.load(from: path)
    #expect(try changed.parameters[weight.name]?.weight.floats() == doubled)
    #expect(try SavedParameter.all(of: changed) == SavedParameter.all(of: model))
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }

  private func weight(_ floats: [Float], _ shape: Shape) throws -> Weight {
    let bytes = unsafe floats.withUnsafeBytes { unsafe Array($0) }
    return Weight(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: "test"), dtype: .f32,
        layout: StridedLayout(packed: shape)))
  }

  @Test("A model is itself whatever becomes of the files that it was loaded from")
  func independence() throws {
    let source = try models.directory("bert-masked", "bert-uncased")
    let model = try BertForMaskedLM.load(from: source)
    let before = try SavedParameter.all(of: model)
    // Other numbers in the same file, and then no file.
    let weights = source + "/model.safetensors"
    var changed = try bytes(weights)
    for index in changed.indices.suffix(4096) { changed[index] ^= 0x11 }
    let file = try OutputFile(path: weights)
    try file.write(changed, at: 0)
    try file.commit()
    let path = try models.newPath("saved")
    try model.save(to: path)
    #expect(try SavedParameter.all(of: BertForMaskedLM.load(from: path)) == before)
    for name in try Directory.names(in: source) { try Directory.removeFile(source + "/" + name) }
    Directory.removeIfEmpty(source)
    let lost = try models.newPath("lost")
    let error = failure { try model.save(to: lost) }
    #expect(error?.kind == .inputOutput && error?.remedy != nil)
    #expect(try PathKind(path: lost) == .nothing)
    try model.save(to: lost, companions: .settings)
    #expect(try Set(Directory.names(in: lost)) == ["config.json", "model.safetensors"])
    #expect(try SavedParameter.all(of: BertForMaskedLM.load(from: lost)) == before)
  }

  @Test("A body taken from a larger model is saved as the body")
  func bodies() throws {
    let model = try BertModel.load(from: models.directory("bert-masked", "bert-uncased"))
    let path = try models.newPath("body")
    try model.save(to: path)
    let again = try loadLanguageModel(from: path)
    #expect(again is BertModel)
    #expect(try SavedParameter.all(of: again) == SavedParameter.all(of: model))
    var settings = model.configuration
    settings.layerCount = 1
    let shallow = try BertModel(weights: model.parameters.graph(), configuration: settings)
    let first = try models.newPath("first")
    try shallow.save(to: first)
    let loaded = try BertModel.load(from: first)
    #expect(loaded.configuration.layerCount == 1 && loaded.remarks.isEmpty)
    #expect(try SavedParameter.all(of: loaded) == SavedParameter.all(of: shallow))
  }

  @Test("Single files, shards and other types are written as by every conversion")
  func options() throws {
    let model = try GPT2LMHeadModel.load(from: models.directory("gpt2", "gpt2"))
    let before = try SavedParameter.all(of: model)
    let directory = try TemporaryDirectory()
    for name in ["model.safetensors", "model.bin", "tf_model.h5"] {
      try model.save(to: directory.file(name))
      let opened = try Checkpoint.open(directory.file(name))
      let again = try GPT2LMHeadModel(
        weights: opened.graph, configuration: model.configuration)
      #expect(try SavedParameter.all(of: again) == before, "\(name)")
    }
    #expect(
      try Set(Directory.names(in: directory.path)) == [
        "model.safetensors", "model.bin", "tf_model.h5",
      ])
    var options = ConversionOptions()
    options.maximumShardSize = 4_000
    options.dtype = .bf16
    try model.save(to: directory.file("sharded"), options: options)
    #expect(
      try Directory.names(in: directory.file("sharded")).contains("model.safetensors.index.json"))
    let half = try GPT2LMHeadModel.load(from: directory.file("sharded"))
    #expect(half.parameters.allSatisfy { $0.dtype == .bf16 })
    #expect(half.parameters.byteCount * 2 == model.parameters.byteCount)
    try half.save(to: directory.file("again"))
    #expect(
      try SavedParameter.all(of: GPT2LMHeadModel.load(from: directory.file("again")))
        == SavedParameter.all(of: half))
  }

  @Test("A model of a KerasHub preset is saved in Transformers' form, tokenizer and all")
  func presets() throws {
    let preset = try models.newPath("preset")
    var options = ConversionOptions()
    options.layout = .layout(.kerasHub)
    let tiny = try #require(TinyModel.all.first { $0.className == "BertModel" })
    try tiny.load(activation: "gelu_new").save(to: preset, options: options)
    let model = try BertModel.load(from: preset)
    let path = try models.newPath("saved")
    try model.save(to: path)
    let again = try BertModel.load(from: path)
    #expect(try SavedParameter.all(of: again) == SavedParameter.all(of: model))
    #expect(try tiny.outputs(again) == tiny.outputs(model))
    #expect(try Directory.names(in: path).contains("task.json") == false)
  }

  /// What `scripts/interop saving` has other frameworks load: the models of a directory, saved in every form.
  @Test(
    "For other frameworks, in every form",
    .enabled(if: Self.environment != nil, "scripts/interop saving names the directories"))
  func reference() throws {
    let (source, destination) = try #require(Self.environment)
    for name in try Directory.names(in: source) {
      let model = try loadLanguageModel(from: Directory.join(source, name))
      for form in Form.all where form.isPossible && form.layout != .flat {
        let path = Directory.join(destination, "\(name) \(form)")
        if let error = failure({ try model.save(to: path, options: form.options) }) {
          #expect(form.format == .hdf5 && error.kind == .unsupported, "\(path): \(error)")
        }
      }
    }
  }

  private static let environment: (source: String, destination: String)? = {
    let variables = ProcessInfo.processInfo.environment
    guard let source = variables["WEIGHBRIDGE_SAVED_FROM"],
      let destination = variables["WEIGHBRIDGE_SAVED_TO"]
    else { return nil }
    return (source, destination)
  }()
}
