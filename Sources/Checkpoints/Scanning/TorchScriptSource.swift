internal import CheckpointBytes

/// A source of TorchScript, as far as it can do anything but compute: PyTorch compiles it in a language that can neither import
/// nor open anything, but for operators that read and write files (`torch/csrc/jit/serialization/import_source.cpp`, 2.13).
///
/// Operators are reached from two names, `torch.NAME` and `ops.NAMESPACE.NAME`. What PyTorch itself writes follows each
/// with its point at once; other ways to the same operators (`t = torch`, `(torch).save`, `getattr(torch, "sa" "ve")`) are nobody's
/// but a stranger's.
struct TorchScriptSource {
  let verdict: CheckpointScan.Verdict
  /// Words behind "TorchScript source"; nil if there is nothing to say.
  private(set) var finding: String?
  let reason: String

  /// Operators that read or write files, of any namespace.
  private static let fileOperators: Set = [
    "save", "from_file", "load_tensor", "read_file", "write_file",
  ]
  /// The same as bytecode names them.
  static let qualifiedFileOperators = [
    "aten::save", "aten::from_file", "debugprims::load_tensor", "image::read_file",
    "image::write_file",
  ]
  /// Namespaces of operators that only compute: PyTorch's own, and torchvision's.
  private static let namespaces: Set = [
    "aten", "prim", "prims", "quantized", "quantized_decomposed", "_quantized", "torchvision",
    "sparse", "onednn", "mkldnn", "mkldnn_prepacked", "prepacked", "xnnpack", "mkl", "profiler",
    "inductor", "static_runtime", "cuda", "nested", "image", "debugprims",
  ]

  init(_ source: [UInt8]) {
    let tokens = TorchScriptSource.tokens(of: source)
    func token(_ index: Int) -> Token? { tokens.indices.contains(index) ? tokens[index] : nil }
    func word(_ index: Int) -> String? {
      if case .word(let text)? = token(index) { text } else { nil }
    }
    func isPoint(_ index: Int) -> Bool { token(index) == .sign(UInt8(ascii: ".")) }
    /// The words that points join from a word on.
    func path(_ start: Int) -> [String] {
      var parts: [String] = []
      var index = start
      while let part = word(index) {
        parts.append(part)
        guard isPoint(index + 1) else { break }
        index += 2
      }
      return parts
    }
    var unclear: String?
    for index in tokens.indices {
      guard let root = word(index), !isPoint(index - 1) else { continue }
      let parts = path(index)
      switch root {
      case "torch", "ops":
        if parts.contains(where: Self.fileOperators.contains) {
          (verdict, reason) = (.dangerous, "reads or writes files when the model runs")
          finding = " that calls \(parts.joined(separator: "."))"
          return
        }
        if parts.count < (root == "ops" ? 3 : 2) {
          unclear = unclear ?? "that takes \(root) for a value"
        } else if root == "ops", !Self.namespaces.contains(parts[1]) {
          unclear = unclear ?? "that calls operators of \(quoted(parts[1]))"
        }
      case "import", "exec", "eval", "open", "__import__":
        unclear = unclear ?? "that is none, with the word \(root)"
      case _
      where Self.fileOperators.contains(parts.last ?? "") && parts.count > 1 && root != "self":
        unclear = unclear ?? "that calls \(parts.joined(separator: "."))"
      default: break
      }
    }
    (verdict, reason) =
      unclear == nil
      ? (.safe, "is compiled by PyTorch in a language that can neither import nor open anything")
      : (.unknown, "may be an operator that reads or writes files, or of a library")
    finding = unclear.map { " " + $0 }
  }

  // MARK: Tokens

  private enum Token: Hashable {
    case word(String)
    case text
    case sign(UInt8)
  }

  /// Words, texts and signs; white space, comments and joined lines lie between them.
  private static func tokens(of source: [UInt8]) -> [Token] {
    var tokens: [Token] = []
    var index = 0
    while index < source.count {
      let byte = source[index]
      switch byte {
      case UInt8(ascii: "#"):
        while index < source.count, source[index] != 0x0A { index += 1 }
      case UInt8(ascii: "\\"), 0...0x20: index += 1
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        index = end(ofTextAt: index, in: source)
        tokens.append(.text)
      case _ where isOfWord(byte):
        let start = index
        while index < source.count, isOfWord(source[index]) { index += 1 }
        tokens.append(.word(String(decoding: source[start..<index], as: UTF8.self)))
      default:
        tokens.append(.sign(byte))
        index += 1
      }
    }
    return tokens
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    byte == 0x5F || byte >= 0x80 || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
      || (0x61...0x7A).contains(byte)
  }

  /// Where a text between one quote or three ends.
  private static func end(ofTextAt start: Int, in source: [UInt8]) -> Int {
    let quote = source[start]
    let isLong = source[start...].starts(with: [quote, quote, quote])
    var index = start + (isLong ? 3 : 1)
    while index < source.count {
      if source[index] == UInt8(ascii: "\\") {
        index += 2
        continue
      }
      if source[index] == quote {
        guard isLong else { return index + 1 }
        if source[index...].starts(with: [quote, quote, quote]) { return index + 3 }
      }
      // What ends with its line is none, for whoever looks at the next one.
      if source[index] == 0x0A, !isLong { return index }
      index += 1
    }
    return source.count
  }
}
