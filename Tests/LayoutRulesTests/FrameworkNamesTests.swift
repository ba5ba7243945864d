import CheckpointBytes
import LayoutRules
import ModelFamilies
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite("Names and shapes that the frameworks write") struct FrameworkNamesTests {
  @Test("A layout writes what the framework itself writes, names and shapes")
  func written() throws {
    let text = String(decoding: try Fixture("layouts/frameworks.txt").bytes(), as: UTF8.self)
    let lines = text.split(separator: "\n")
    #expect(lines.count == 18)
    for line in lines {
      let words = line.split(separator: " ").map { String($0) }
      let layout: Layout = words[0] == "tensorflow" ? .tensorFlow : .kerasHub
      let family = try #require(
        FamilyList.all.families.first { family in
          family.heads.contains { $0.className(in: family) == words[1] }
        })
      let head = try #require(family.heads.first { $0.className(in: family) == words[1] })
      // interop/reference/cases.py
      let sizes = ModelSizes(
        hidden: 24, embedding: embedding(of: family, 16), layers: 2, intermediate: 40,
        vocabulary: 61,
        positions: family == .roberta ? 22 : 20,
        tokenTypes: tokenTypes(of: family),
        labels: words[1].contains("Classification") ? 5 : 0, heads: 3)
      let model = try ModelArchitecture(family: family, head: head, sizes: sizes)
      let saved = try SavePlan(
        try canonicalGraph(model), of: model, in: layout, mayLose: anything)
      let found = saved.graph.weights.map { name, weight in
        name.string + "[" + weight.shape.dimensions.map { String($0) }.joined(separator: ",") + "]"
      }
      #expect(found.sorted() == words.dropFirst(2).sorted(), "\(words[0]) \(words[1])")
    }
  }

  @Test(
    "What Keras 2.15 writes of TensorFlow's classes is known: paths of objects, and weights that are listed once more"
  )
  func kerasForms() throws {
    let files = try ListedFile.all(in: "layouts/keras_forms.txt")
    #expect(files.count == 54)
    for file in files {
      let what = file.form + " " + file.className
      let family = try #require(
        FamilyList.all.families.first { family in
          family.heads.contains { $0.className(in: family) == file.className }
        })
      let head = try #require(family.heads.first { $0.className(in: family) == file.className })
      var graph = WeightGraph()
      for (name, shape) in file.shapes {
        // What is stored once more is the same.
        let zeros = MemoryBytes(Array(repeating: 0, count: shape.elementCount), origin: what)
        let tensor = try StoredTensor(
          source: zeros, dtype: .u8, layout: StridedLayout(packed: shape))
        try graph.insert(Weight(tensor), as: ExactName(name))
      }
      let model = try Recognition(graph).model(head: head)
      #expect(model.layout == .tensorFlow, "\(what)")
      // Scopes of files do not tell a variant, its own objects do.
      let known = file.form == "resized" ? family.definition.variantOf ?? family.name : family.name
      #expect(model.architecture.family.name == known, "\(what)")
      let bound = try BoundModel(graph, as: model)
      #expect(bound.report.problems.isEmpty, "\(what): \(bound.report.problemLines)")
      let vocabulary = file.form == "objects" ? 61 : 67
      #expect(model.architecture.sizes.vocabulary == vocabulary, "\(what)")
    }
  }

  @Test(
    "A class's name is what Keras 3.15 makes of it",
    arguments: [
      ("XLMRobertaBackbone", "xlm_roberta_backbone"), ("BertBackbone", "bert_backbone"),
      ("GPT2Backbone", "gpt2_backbone"), ("GPT2CausalLM", "gpt2_causal_lm"), ("GPT2LM", "gpt2lm"),
      ("DistilBertMaskedLM", "distil_bert_masked_lm"), ("DebertaV3Backbone", "deberta_v3_backbone"),
      ("T5Gemma2Backbone", "t5_gemma2_backbone"), ("A", "a"), ("", ""),
    ])
  func kerasNames(name: String, expected: String) {
    #expect(name.kerasName == expected)
  }

  @Test(
    "A variant is known by names of its own",
    arguments: [ModelHead.maskedLM, .sequenceClassification])
  func variants(head: ModelHead) throws {
    let graph = try checkpoint(.xlmRoberta, head, in: .kerasHub)
    let backbone = "layers/" + "XLMRobertaBackbone".kerasName + "/"
    #expect(graph.weights.keys.contains { $0.string.hasPrefix(backbone) })
    let model = try RecognizedModel(graph)
    #expect(model.architecture.family == .xlmRoberta)
    #expect(model.architecture.head == head)
    let bound = try BoundModel(graph, as: model, fill: .zeros(for: anything))
    #expect(bound.report.problems.isEmpty)
  }

  @Test("fairseq's first files hold query, key and value in one matrix, in this order")
  func packed() throws {
    let graph = try checkpoint(.roberta, .maskedLM, in: .fairseq)
    var packed = WeightGraph()
    for (name, weight) in graph.weights {
      let text = name.string
      if text.contains(".k_proj.") || text.contains(".v_proj.") { continue }
      let older =
        text.split(separator: ".").map { $0 == "encoder" ? "decoder" : String($0) }
        .map { $0 == "layernorm_embedding" ? "emb_layer_norm" : $0 }
      guard text.contains(".q_proj.") else {
        try packed.insert(weight, as: ExactName(older.joined(separator: ".")))
        continue
      }
      let start = older.dropLast(2).joined(separator: ".")
      let leaf = older[older.count - 1]
      let parts = try ["q", "k", "v"].map { letter in
        let own = text.split(separator: ".").dropLast(2).joined(separator: ".")
        return try #require(graph.weights[ExactName("\(own).\(letter)_proj.\(leaf)")])
      }
      let whole = try Weight.concatenated(parts, axis: 0)
      try packed.insert(whole, as: ExactName("\(start).in_proj_\(leaf)"))
    }
    for buffer in ["version", "embed_positions._float_tensor"] {
      let name = ExactName("decoder.sentence_encoder." + buffer)
      try packed.insert(try weight(try #require(Shape([1])), seed: 3), as: name)
    }
    let fill = FillPolicy.zeros(for: [NamePattern("*token_type_embeddings.weight")])
    let model = try RecognizedModel(packed, head: .maskedLM)
    let loaded = try BoundModel(packed, as: model, fill: fill)
    #expect(loaded.report.problems.isEmpty)
    #expect(loaded.report.entries.count { $0.outcome == .split } == 4)
    #expect(loaded.report.entries.count { $0.outcome == .dropped } == 2)
    let same = try BoundModel(graph, as: try RecognizedModel(graph, head: .maskedLM), fill: fill)
    #expect(Array(loaded.graph.weights.keys) == Array(same.graph.weights.keys))
    for (name, weight) in same.graph.weights {
      let other = try #require(loaded.graph.weights[name])
      #expect(try bytes(of: other) == bytes(of: weight), "\(name)")
    }
    #expect(
      loaded.statedTies.map(\.second) == ["lm_head.decoder.weight"])
  }

  @Test("Of several classification heads of fairseq one has to be stated")
  func tasks() throws {
    var graph = try checkpoint(.roberta, .sequenceClassification, in: .fairseq)
    let model = try RecognizedModel(graph)
    #expect(model.architecture.head == .sequenceClassification)
    for (name, weight) in graph.weights where name.string.hasPrefix("classification_heads.") {
      let parts = name.string.split(separator: ".")
      let other = "classification_heads.other." + parts.dropFirst(2).joined(separator: ".")
      try graph.insert(weight, as: ExactName(other))
    }
    let error = failure { _ = try RecognizedModel(graph) }
    #expect(error?.kind == .inconsistent)
    #expect(error?.problem.contains("other") == true)
    let stated = try RecognizedModel(graph, task: "other")
    let report = try BoundModel(graph, as: stated, fill: .zeros(for: anything)).report
    #expect(report.problems.isEmpty)
    let others = report.entries.filter { $0.detail?.contains("classification head") == true }
    #expect(others.count == 4)
    #expect(
      others.allSatisfy {
        $0.outcome == .dropped && $0.stored[0].string.contains("sentence_classification_head")
      })
    let absent = failure { _ = try RecognizedModel(graph, task: "absent") }
    #expect(absent?.kind == .inconsistent)
    #expect(absent?.problem.contains("there are 'sentence_classification_head', 'other'") == true)
  }

  @Test("Optimizers' states are left aside with the reason, Google's among them")
  func training() throws {
    var google = try checkpoint(.bert, .preTraining, in: .google)
    for (name, weight) in google.weights {
      for slot in ["adam_m", "adam_v"] {
        try google.insert(weight, as: ExactName(name.string + "/" + slot))
      }
    }
    try google.insert(try weight(try #require(Shape([])), seed: 1), as: "global_step")
    let count = google.weights.count
    let report = try plan(google).report
    #expect(report.problems.isEmpty)
    #expect(report.entries.count { $0.outcome == .dropped } == (count - 1) / 3 * 2 + 1)
    var torch = try checkpoint(.bert, .preTraining).renamed {
      ExactName("model_state_dict." + $0.string)
    }
    let state = try weight(try #require(Shape([3])), seed: 1)
    try torch.insert(state, as: "optimizer_state_dict.state.0.exp_avg")
    #expect(try plan(torch).report.problems.isEmpty)
    try torch.insert(state, as: "my_optimizer")
    #expect(try plan(torch).report.problems.map(\.stored) == [["my_optimizer"]])
  }
}
