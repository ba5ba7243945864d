internal import CheckpointBytes

extension TokenizerClass {
  /// The tokenizer of BERT.
  public static let bert = TokenizerClass(
    "BertTokenizer",
    [
      "ElectraTokenizer", "LayoutLMTokenizer", "LxmertTokenizer", "MobileBertTokenizer",
      "SqueezeBertTokenizer",
    ],
    modelTypes: [
      "align", "bark", "bert", "blip", "bros", "chinese_clip", "convbert", "distilbert", "electra",
      "ernie", "flava", "git", "grounding-dino", "layoutlm", "lxmert", "megatron-bert",
      "mm-grounding-dino", "mobilebert", "nezha", "nomic_bert", "qdqbert", "realm", "retribert",
      "squeezebert", "tvp", "vilt", "visual_bert",
    ],
    givesTokenTypes: true, form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 0))),
    tokens: bertTokens)

  /// The tokenizer of GPT-2.
  public static let gpt2 = TokenizerClass(
    "GPT2Tokenizer",
    modelTypes: [
      "blip-2", "codegen", "dbrx", "emu3", "gpt2", "gpt_neo", "gptj", "hyperclovax_vision_v2",
      "instructblip", "instructblipvideo", "jais2", "opt", "phi", "starcoder2",
    ],
    form: .bytePair(
      BytePairForm(
        words: .bytes(normalizer: nil, addsPrefixSpace: false),
        surroundings: .stated(otherwise: nil))),
    tokens: endOfText)

  /// The tokenizer of RoBERTa.
  public static let roberta = TokenizerClass(
    "RobertaTokenizer",
    ["BartTokenizer", "LEDTokenizer", "LongformerTokenizer", "MvpTokenizer"],
    modelTypes: [
      "bart", "bridgetower", "clap", "data2vec-text", "florence2", "ibert", "led", "lilt",
      "longformer", "mega", "mra", "mvp", "roberta", "roberta-prelayernorm",
    ],
    form: .bytePair(
      BytePairForm(
        words: .bytes(normalizer: nil, addsPrefixSpace: false), surroundings: .roberta)),
    tokens: robertaTokens)

  /// `tokenizer.json` as it stands.
  public static let file = TokenizerClass(
    "TokenizersBackend",
    ["PreTrainedTokenizerFast", "PreTrainedTokenizer", "PythonBackend", "BloomTokenizer"],
    modelTypes: [
      "EvollaModel", "arctic", "aria", "beam", "bigbird_pegasus", "camembertv2-base", "canary",
      "chatlm", "cohere_asr", "ernie4_5", "ernie4_5_moe", "flex_olmo", "fuyu", "glm", "glm4",
      "glm4_moe", "glm4_moe_lite", "glm4v", "glm4v_moe", "glm_image", "glmasr", "got_ocr2",
      "gpt_bigcode", "gradium_phonon_tts", "granite", "granitemoe", "granitemoehybrid",
      "granitemoeshared", "h2ovl_chat", "hyperclovax", "hyperclovax_vlm", "internlm2", "internlm3",
      "iquestcoder", "jamba", "kimi_k25", "kimi_linear", "kosmos-2", "llava", "llava_next",
      "mimo_v2_flash", "minicpm3", "minicpm_ocr", "minicpmv", "minicpmv4_6", "minicpmv4_7",
      "minimax_m2", "ministral", "ministral3", "mistral", "mistral3", "mistral_large4", "mixtral",
      "modernbert", "modernbert-decoder", "molmo", "molmo2", "nemo_speechlm", "nemotron", "nvfp4",
      "nystromformer", "olmo2", "olmo3", "olmo_hybrid", "opencua", "openvla", "paddleocr_vl",
      "pegasus_x", "persimmon", "phi3", "phi3_v", "phimoe", "pix2struct", "pixtral", "pocket_tts",
      "smolvlm", "stablelm", "step3_vl", "umt5", "vipllava", "voxtral", "voxtral_realtime",
      "xlm-roberta-xl",
    ],
    form: .file)

  /// All classes whose ids are known here. `scripts/interop tokenizers` compares each with the class of that name.
  package static let all: [TokenizerClass] = [
    bert, gpt2, roberta, file,
    TokenizerClass(
      "DistilBertTokenizer", form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 0))),
      tokens: bertTokens),
    TokenizerClass(
      "ConvBertTokenizer", ["DPRContextEncoderTokenizerFast", "DPRQuestionEncoderTokenizerFast"],
      givesTokenTypes: true,
      form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 0), keepsFile: true)),
      tokens: bertTokens),
    TokenizerClass(
      "DPRReaderTokenizerFast",
      form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 0), keepsFile: true)),
      tokens: bertTokens),
    TokenizerClass(
      "DPRQuestionEncoderTokenizer", ["DPRContextEncoderTokenizer"], modelTypes: ["dpr"],
      givesTokenTypes: true,
      form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 0), takesCase: false)),
      tokens: bertTokens),
    TokenizerClass(
      "DPRReaderTokenizer",
      form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 0), takesCase: false)),
      tokens: bertTokens),
    TokenizerClass(
      "FunnelTokenizer", modelTypes: ["funnel"],
      form: .wordPiece(WordPieceForm(surroundings: .bert(firstTypeID: 2), takesCleaning: true)),
      tokens: [
        .unknown: "<unk>", .separator: "<sep>", .padding: "<pad>", .classification: "<cls>",
        .mask: "<mask>", .beginning: "<s>", .end: "</s>",
      ]),
    TokenizerClass(
      "MPNetTokenizer", modelTypes: ["mpnet"],
      form: .wordPiece(WordPieceForm(surroundings: .trimmedRoberta)),
      tokens: robertaTokens.merging([.unknown: "[UNK]"]) { $1 },
      maskStripsLeft: true),
    TokenizerClass(
      "BlenderbotTokenizer", modelTypes: ["blenderbot"],
      form: .bytePair(
        BytePairForm(
          words: .bytes(normalizer: nil, addsPrefixSpace: true),
          surroundings: .stated(otherwise: nil))),
      tokens: robertaTokens,
      maskStripsLeft: true),
    TokenizerClass(
      "CodeGenTokenizer",
      form: .bytePair(
        BytePairForm(
          words: .bytes(normalizer: nil, addsPrefixSpace: false),
          surroundings: .stated(otherwise: .byteLevel(trimming: nil)))),
      tokens: endOfText),
    TokenizerClass(
      "DebertaTokenizer", modelTypes: ["deberta"], givesTokenTypes: true,
      form: .bytePair(
        BytePairForm(
          words: .bytes(normalizer: nil, addsPrefixSpace: false), surroundings: .deberta)),
      tokens: bertTokens.merging([.beginning: "[CLS]", .end: "[SEP]"]) { $1 }),
    TokenizerClass(
      "GPTNeoXTokenizer",
      modelTypes: [
        "falcon_mamba", "gpt_neox", "mamba", "mamba2", "mpt", "olmo", "olmoe", "rwkv", "xlstm",
      ],
      form: .bytePair(
        BytePairForm(
          words: .bytes(normalizer: .unicode(.canonicalComposition), addsPrefixSpace: false),
          surroundings: .beginningAndEnd)),
      tokens: endOfText.merging([.padding: "<|padding|>"]) { $1 }),
    TokenizerClass(
      "HerbertTokenizer", modelTypes: ["herbert"],
      form: .bytePair(
        BytePairForm(
          words: .scalars(
            BertNormalization(
              cleansText: true, separatesIdeographs: true, stripsAccents: false, lowercases: false)),
          surroundings: .herbert)),
      tokens: [
        .classification: "<s>", .unknown: "<unk>", .padding: "<pad>", .mask: "<mask>",
        .separator: "</s>",
      ]),
    TokenizerClass(
      "XLMRobertaTokenizer",
      modelTypes: ["gte", "jina_embeddings_v3", "metaclip_2", "trocr", "xlm-roberta", "xmod"],
      form: .unigram(
        UnigramForm(
          unknown: .place(3), surroundings: .xlmRoberta,
          firstPieces: [.role(.beginning), .role(.padding), .role(.end), .role(.unknown)],
          droppedPieceCount: 3, asksForUnigram: false)),
      tokens: robertaTokens),
    TokenizerClass(
      "CamembertTokenizer", modelTypes: ["camembert"],
      form: .unigram(
        UnigramForm(
          unknown: .token, surroundings: .xlmRoberta,
          firstPieces: [
            .text("<s>NOTUSED", score: 0), .role(.padding), .text("</s>NOTUSED", score: 0),
            .role(.unknown), .text("<unk>NOTUSED", score: -100),
          ],
          droppedPieceCount: 1, asksForUnigram: true)),
      tokens: robertaTokens, listed: ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"],
      maskStripsLeft: true),
  ]

  /// The class of this name, as `AutoTokenizer` finds it: a name that it does not know may end in `Fast`.
  public init?(named name: String) {
    let exact = ExactName(name)
    let plain =
      name.utf8.suffix(4).elementsEqual("Fast".utf8) ? ExactName(String(name.dropLast(4))) : exact
    for candidate in [exact, plain] {
      let found = Self.all.first {
        ([$0.name] + $0.otherNames).contains { ExactName($0) == candidate }
      }
      if let found {
        self = found
        return
      }
    }
    return nil
  }

  /// The class that models of a type have where none is stated.
  init?(modelType: String) {
    guard let found = Self.all.first(where: { $0.isUsual(for: modelType) }) else { return nil }
    self = found
  }

  /// True if models of this type have the class where none is stated.
  func isUsual(for modelType: String) -> Bool {
    modelTypes.contains { ExactName($0) == ExactName(modelType) }
  }

  private static let bertTokens: [SpecialTokens.Role: String] = [
    .unknown: "[UNK]", .separator: "[SEP]", .padding: "[PAD]", .classification: "[CLS]",
    .mask: "[MASK]",
  ]

  private static let robertaTokens: [SpecialTokens.Role: String] = [
    .beginning: "<s>", .end: "</s>", .separator: "</s>", .classification: "<s>",
    .unknown: "<unk>", .padding: "<pad>", .mask: "<mask>",
  ]

  private static let endOfText: [SpecialTokens.Role: String] = [
    .unknown: "<|endoftext|>", .beginning: "<|endoftext|>", .end: "<|endoftext|>",
  ]
}
