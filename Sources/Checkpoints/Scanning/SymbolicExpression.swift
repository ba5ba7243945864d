/// A size of a model's input as `torch.export` writes it: an expression of sympy in text, `2*Symbol('s0', positive=True)`.
///
/// Whoever loads it hands the text to `sympy.sympify`, which evaluates it as Python (`torch/_export/serde/serialize.py`,
/// `_parse_sym_expr`, torch 2.13).
struct SymbolicExpression {
  /// What is to be said of it; nil for one of numbers, symbols and sympy's own functions.
  let verdict: (level: CheckpointScan.Verdict, reason: String)?

  /// Functions that make numbers of numbers (`torch/utils/_sympy/functions.py`), and what they are given by name.
  private static let words = Set(
    """
    Symbol Integer Rational Float Max Min Mod Abs Add Mul Pow floor ceiling Eq Ne Lt Le Gt Ge And Or \
    Not Piecewise ExprCondPair FloorDiv CleanDiv CeilDiv ModularIndexing Where PythonMod CeilToInt \
    FloorToInt IntTrueDiv FloatTrueDiv TruncToInt TruncToFloat RoundToInt RoundDecimal ToFloat \
    Identity LShift RShift PowByNatural FloatPow IsNonOverlappingAndDenseIndicator positive integer \
    nonnegative real finite True False evaluate oo int_oo zoo
    """.split(separator: " ").map { String($0) })

  init(_ text: String) {
    func isOfName(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "_") || byte.isLetter || (0x30...0x39).contains(byte)
    }
    var rest = text.utf8[...]
    var isPlain = true
    while let first = rest.first {
      if isOfName(first) {
        let name = Substring(rest.prefix(while: isOfName))
        rest = rest.dropFirst(name.utf8.count)
        let isNumber = name.utf8.allSatisfy { (0x30...0x39).contains($0) }
        // What is called must be known; other names are symbols: `s0`, `u12`, `x_dim`.
        let isCalled = rest.first == UInt8(ascii: "(")
        if !isNumber, name.contains("__") || isCalled && !Self.words.contains(String(name)) {
          isPlain = false
        }
      } else if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") {
        let quoted = rest.dropFirst().prefix(while: isOfName)
        rest = rest.dropFirst(1 + quoted.count)
        if rest.popFirst() != first { isPlain = false }
      } else {
        rest = rest.dropFirst()
        // A point is one of a number, or leads to an attribute.
        let isPoint = first == UInt8(ascii: ".")
        if isPoint ? rest.first?.isLetter ?? false : !" +-*/%(),<>=!&|~".utf8.contains(first) {
          isPlain = false
        }
      }
    }
    verdict =
      isPlain
      ? nil : (.dangerous, "is evaluated as Python by whoever loads the program (sympy.sympify)")
  }
}

extension UInt8 {
  fileprivate var isLetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
}
