internal import LayoutRules

/// What Transformers' TensorFlow classes (4.41) call the parts of a family, where it is not what PyTorch's are called.
struct TensorFlowNames {
  /// The beginnings of names of heads that are called otherwise, and by what.
  var heads: [(canonical: String, foreign: String)] = []
  /// The Keras layer of a language model's head, under which a file holds the embeddings again; nil if it does not.
  var languageHead: String?
  /// What ends the name of the word embeddings, the one to write first.
  var wordEmbeddings = "(weight|embeddings)"
  /// The paths that Keras 2.15 gives the objects.
  var objects: KerasObjectNames
}

/// The paths that Keras 2.15 gives the objects of a TensorFlow class in `.weights.h5` and `.keras`.
struct KerasObjectNames {
  /// The body.
  var body: String
  /// What holds the embeddings as weights of its own, in the order word, token type, position; nil if each has a layer.
  var embeddings: String?
  /// The class of a layer.
  var layer: String
  /// Parts of a layer and of heads that are called otherwise, the longest beginnings first.
  var parts: [(canonical: String, foreign: String)] = []
}

extension LayoutTable {
  /// `tf_model.h5` as Transformers 4.41 with TensorFlow 2.15 writes it, and as earlier versions did, which put the names
  /// of a whole model into a scope. Each name begins with its Keras layer. The decoder is never stored: it is tied.
  ///
  /// The same names without layer and scope are those of Transformers' shards and of its safetensors files (4.41,
  /// `modeling_tf_utils.py`, `tf_shard_checkpoint`, `format_weight_name`), and behind the names of other models those of a
  /// Keras model that holds the class as a layer. Keras 2.15 writes a third form (``kerasObjects(_:_:)``).
  static func tensorFlow(
    _ family: FamilyDescription, _ names: TensorFlowNames
  ) -> [LayoutTable] {
    [TensorFlowForm.file, .names].map { table(family, names, $0) }
      + [kerasObjects(family, names.objects)]
  }

  /// What stands before TensorFlow's names.
  private enum TensorFlowForm {
    /// The Keras layer, and a scope.
    case file
    /// Nothing, or the names of models.
    case names

    /// What stands before a name of a Keras layer of the model.
    func front(of layer: String) -> String {
      switch self {
      case .file: layer + "/{scope}"
      case .names: ""
      }
    }
  }

  private static func table(
    _ family: FamilyDescription, _ names: TensorFlowNames, _ form: TensorFlowForm
  ) -> LayoutTable {
    let body = String(family.bodyPrefix.dropLast())
    let front = form.front(of: body) + body + "/"
    var rules: [LayoutRule] = []
    for module in family.foreignBodyModules {
      let path =
        front + path(of: module, layers: family.body.layers, number: "_._{layer}/") { $0.asPath }
      let isWord = module.name == "{body}" + family.body.words
      var own = rules.count
      rules += tensorFlowRules(
        module, path, embedding: isWord ? names.wordEmbeddings : "(embeddings|weight)")
      if form == .file, isWord {
        rules[own] = rules[own].echoed { echo(of: $0, form.front(of: body)) }
      }
      guard form == .file, let head = names.languageHead, module.isOfEmbeddings else { continue }
      // Again under the head, which is what refers to the embeddings last.
      let layer = form.front(of: head) + body + "/"
      while own < rules.count {
        rules[own] = rules[own].repeated(at: { layer + $0.dropFirst(front.count) })
        own += 1
      }
    }
    for module in family.foreignHeadModules {
      let path = renamed(module.name, by: names.heads)
      let front = form.front(of: String(path.prefix { $0 != "/" }))
      let own = tensorFlowRules(module, front + path, embedding: "")
      rules +=
        form == .file && module.isOfVocabulary ? own.map { $0.echoed { echo(of: $0, front) } } : own
    }
    return LayoutTable(
      layout: .tensorFlow, rules: rules, heads: family.tensorFlowHeads,
      drops: [
        KnownExtra(front + "pooler/dense/(kernel|bias):0", "this head does not use the pooler")
      ],
      hasScopes: form == .file, wrapperEnd: UInt8(ascii: "/"))
  }

  /// Where Keras lists the weight once more that `resize_token_embeddings` has made, since it is the model's own attribute as well
  /// (`modeling_tf_utils.py`, 4.41, `_get_resized_embeddings`; `keras/src/saving/legacy/hdf5_format.py`, 2.15).
  private static func echo(of name: String, _ front: String) -> String {
    "top_level_model_weights/{scope}" + name.dropFirst(front.count)
  }

  /// A name of the body as a path below it.
  ///
  /// - Parameters:
  ///   - number: What stands for the number of a layer behind the name of the list.
  ///   - part: The path of a part of a layer.
  private static func path(
    of module: ModuleTemplate, layers: String, number: String, part: (String) -> String
  ) -> String {
    let below = module.name.behind("{body}") ?? module.name
    guard let name = below.behind(layers + ".{layer}.") else { return below.asPath }
    return layers.asPath + number + part(name)
  }

  private static func tensorFlowRules(
    _ module: ModuleTemplate, _ path: String, embedding: String
  ) -> [LayoutRule] {
    switch module.kind {
    case .embedding: [LayoutRule(module.name + ".weight", path + "/" + embedding + ":0")]
    case .linear(_, _, true), .projection:
      LayoutRule.dense(module.name, path + "/kernel:0", path + "/bias:0")
    case .linear(_, _, false):
      [LayoutRule(module.name + ".weight", path + "/kernel:0", .transposed)]
    case .convolution(_, let out):
      LayoutRule.row(module.name, path + "/weight:0", path + "/bias:0", out)
    case .norm: LayoutRule.pair(module.name, path + "/gamma:0", path + "/beta:0")
    case .vector: [LayoutRule(module.name, path + ":0")]
    case .scores(_, _, .own): [LayoutRule(module.name + ".bias", path + "/bias:0")]
    case .scores: []
    }
  }

  /// The names that Keras 2.15 gives the weights of Transformers' TensorFlow classes (4.41) in `.weights.h5` and `.keras`.
  ///
  /// They are paths from object to object: Keras goes through a model's attributes in reverse alphabetical order, saves each
  /// object where it comes upon it first, and numbers the rest under `layers`, the last of the attributes that it looks into,
  /// by their classes (`keras/src/saving/saving_lib.py`, `_walk_trackable`, `_save_container_state`). So `mlm` and `roberta` are
  /// found by their own names, `bert` and `classifier` as `layers/tf_bert_main_layer` and `layers/dense`, and BERT's
  /// embeddings in a language model inside its head. A weight is its number in the order in which the layer made it.
  ///
  /// The model's own weights are those that `resize_token_embeddings` has made, in its order: words, then the bias over them.
  private static func kerasObjects(
    _ family: FamilyDescription, _ names: KerasObjectNames
  ) -> LayoutTable {
    var rules: [LayoutRule] = []
    var number = 0
    // In the order in which the embeddings' `build` makes them.
    for module in family.foreignBodyModules.sorted(by: { $0.buildOrder < $1.buildOrder }) {
      if let embeddings = names.embeddings, module.isOfEmbeddings {
        if case .embedding = module.kind {
          let rule = LayoutRule(module.name + ".weight", embeddings + "vars/\(number)")
          rules.append(number == 0 ? rule.echoed { _ in "vars/0" } : rule)
          number += 1
        } else {
          rules += objectRules(module, embeddings + module.lastPart)
        }
      } else {
        let path = path(
          of: module, layers: family.body.layers, number: "/\(names.layer){_layer}/"
        ) { renamed($0, by: names.parts) }
        rules += objectRules(module, names.body + path)
      }
    }
    for module in family.foreignHeadModules {
      let own = objectRules(module, renamed(module.name, by: names.parts))
      rules += module.isOfVocabulary ? own.map { $0.echoed { _ in "vars/1" } } : own
    }
    return LayoutTable(
      layout: .tensorFlow, rules: rules, heads: family.tensorFlowHeads,
      drops: [
        KnownExtra(
          names.body + "pooler/dense/vars/(0|1)", "this head does not use the pooler")
      ],
      wrapperEnd: UInt8(ascii: "/"))
  }

  private static func objectRules(_ module: ModuleTemplate, _ path: String) -> [LayoutRule] {
    let (first, second) = (path + "/vars/0", path + "/vars/1")
    return switch module.kind {
    case .embedding: [LayoutRule(module.name + ".weight", first)]
    case .linear(_, _, true), .projection: LayoutRule.dense(module.name, first, second)
    case .linear(_, _, false): [LayoutRule(module.name + ".weight", first, .transposed)]
    case .convolution(_, let out): LayoutRule.row(module.name, first, second, out)
    case .norm: LayoutRule.pair(module.name, first, second)
    // The layer's own weight.
    case .vector: [LayoutRule(module.name, String(path.dropLast("/bias".utf8.count)) + "/vars/0")]
    case .scores(_, _, .own): [LayoutRule(module.name + ".bias", first)]
    case .scores: []
    }
  }

  /// A name as a path, its beginning by another name where it has one.
  private static func renamed(
    _ name: String, by names: [(canonical: String, foreign: String)]
  ) -> String {
    for (canonical, foreign) in names {
      if name == canonical { return foreign }
      if let rest = name.behind(canonical + ".") { return foreign + "/" + rest.asPath }
    }
    return name.asPath
  }
}

extension String {
  /// A name with slashes for its dots.
  fileprivate var asPath: String {
    String(decoding: utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "/") : $0 }, as: UTF8.self)
  }

  /// What stands behind a beginning; nil for a name that begins otherwise.
  fileprivate func behind(_ start: String) -> String? {
    utf8.starts(with: start.utf8) ? String(Substring(utf8.dropFirst(start.utf8.count))) : nil
  }
}

extension FamilyDescription {
  /// The body's modules, pooler included, in one order for all encoders.
  var foreignBodyModules: [ModuleTemplate] {
    guard case .encoder(var encoder) = body else { return body.modules + body.poolerModules }
    encoder.makesPositionsLast = false
    return BodyDescription.encoder(encoder).modules + body.poolerModules
  }

  /// The modules of all heads, each once.
  var foreignHeadModules: [ModuleTemplate] {
    var seen: Set<String> = []
    return ModelHead.allCases.flatMap(headModules).filter { seen.insert($0.name).inserted }
  }

  /// The heads for which Transformers has a TensorFlow class; nil for all.
  var tensorFlowHeads: Set<ModelHead>? {
    let found = Set(heads.filter(\.value.hasTensorFlow).keys)
    return found.count == heads.count ? nil : found
  }
}

extension ModuleTemplate {
  /// True for what stands below the module `embeddings` of the body.
  fileprivate var isOfEmbeddings: Bool { name.hasPrefix("{body}embeddings.") }

  /// True for what of a head is as long as the vocabulary, and no matrix of its own.
  fileprivate var isOfVocabulary: Bool {
    switch kind {
    case .vector(.vocabulary), .scores(_, _, .own): true
    default: false
    }
  }

  fileprivate var lastPart: String { name.split(separator: ".").last.map { String($0) } ?? "" }

  /// Token types are made before positions; everything else stays where it is.
  fileprivate var buildOrder: Int {
    switch kind {
    case .embedding(.vocabulary, _): 0
    case .embedding(.tokenTypes, _): 1
    case .embedding: 2
    default: 3
    }
  }
}
