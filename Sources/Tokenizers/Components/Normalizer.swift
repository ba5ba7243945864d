/// A normalizer of `tokenizer.json`: turns a piece of text into another, keeping what each scalar stands for.
///
/// Named and defined by tokenizers 0.23.3, `src/normalizers/`.
package indirect enum Normalizer: Sendable {
  case bert(BertNormalization)
  case unicode(UnicodeNormalization)
  case lowercase
  /// Removes all marks, as they stand: it follows a decomposition.
  case stripAccents
  /// White space at the ends.
  case strip(left: Bool, right: Bool)
  /// What SentencePiece models carry of Unicode normalization and of their own.
  case precompiled(CharacterMap)
  case replace(TextPattern, by: [UInt32])
  case prepend([UInt32])
  /// Each byte of the text as the scalar that byte-level vocabularies have for it.
  case byteLevel
  /// What SentencePiece's `nmt` rules remove or turn into spaces.
  case nmt
  case sequence([Normalizer])

  /// Appends the normalized form of `source` to `result`; or, if that or anything on the way to it has more than `most` scalars, more than
  /// `most` that are no normalized form, and no more work is done.
  func append(
    _ source: ArraySlice<AlignedScalar>, to result: inout [AlignedScalar], most: Int
  ) {
    switch self {
    case .bert(let rules): rules.append(source, to: &result)
    case .unicode(let form): form.append(source, to: &result)
    case .lowercase: Self.appendLowercase(source, to: &result)
    case .stripAccents:
      result += source.lazy.filter { !ScalarClasses.of($0.value).contains(.mark) }
    case .strip(let left, let right):
      result += Self.stripped(source, left: left, right: right)
    case .precompiled(let map): map.append(source, to: &result, most: most)
    case .replace(let pattern, let content):
      Self.appendReplaced(source, pattern, content, to: &result, most: most)
    case .prepend(let content): Self.appendPrepended(source, content, to: &result)
    case .byteLevel:
      for scalar in source { ByteAlphabet.append(scalar, to: &result) }
    case .nmt: Self.appendNMT(source, to: &result)
    case .sequence(let normalizers):
      guard let first = normalizers.first else {
        result += source
        return
      }
      guard let last = normalizers.dropFirst().last else {
        return first.append(source, to: &result, most: most)
      }
      var text: [AlignedScalar] = []
      first.append(source, to: &text, most: most)
      for normalizer in normalizers.dropFirst().dropLast() where text.count <= most {
        var next: [AlignedScalar] = []
        normalizer.append(text[...], to: &next, most: most)
        text = next
      }
      guard text.count <= most else {
        result += text
        return
      }
      last.append(text[...], to: &result, most: most)
    }
  }

  /// The most scalars that so many may become. Unicode makes 18 of one at most, but a file can state that each becomes some, and each of
  /// these some again, and every line of a file may be short.
  static func room(for count: Int) -> Int { 64 * count + (1 << 8) }

  /// The normalized form of a text, or as much as tells that it is longer than ``room(for:)``.
  package func normalized(_ text: String) -> String {
    normalized(Array(text)).text
  }

  /// The same of its scalars.
  func normalized(_ text: [AlignedScalar]) -> [AlignedScalar] {
    var result: [AlignedScalar] = []
    append(text[...], to: &result, most: Self.room(for: text.count))
    return result
  }

  static func appendLowercase(
    _ source: ArraySlice<AlignedScalar>, to result: inout [AlignedScalar]
  ) {
    for scalar in source {
      ScalarMappings.forEachLowercase(of: scalar.value) { result.append(scalar.replaced(by: $0)) }
    }
  }

  private static func stripped(
    _ source: ArraySlice<AlignedScalar>, left: Bool, right: Bool
  ) -> ArraySlice<AlignedScalar> {
    func isText(_ scalar: AlignedScalar) -> Bool {
      !ScalarClasses.of(scalar.value).contains(.whitespace)
    }
    var rest = source
    if left { rest = rest[(rest.firstIndex(where: isText) ?? rest.endIndex)...] }
    if right { rest = rest[..<(rest.lastIndex(where: isText).map { $0 + 1 } ?? rest.startIndex)] }
    return rest
  }

  /// What replaces a match stands for its last scalar.
  private static func appendReplaced(
    _ source: ArraySlice<AlignedScalar>, _ pattern: TextPattern, _ content: [UInt32],
    to result: inout [AlignedScalar], most: Int
  ) {
    let before = result.count
    pattern.forEachPart(of: source) { part, isMatch in
      guard result.count - before <= most else { return }
      if isMatch, let last = source[part].last {
        result += content.lazy.map { last.replaced(by: $0) }
      } else {
        result += source[part]
      }
    }
  }

  /// What is prepended stands for the first scalar.
  static func appendPrepended(
    _ source: ArraySlice<AlignedScalar>, _ content: [UInt32], to result: inout [AlignedScalar]
  ) {
    guard let first = source.first else { return }
    result += content.lazy.map { first.replaced(by: $0) }
    result += source
  }

  private static func appendNMT(
    _ source: ArraySlice<AlignedScalar>, to result: inout [AlignedScalar]
  ) {
    for scalar in source {
      switch scalar.value {
      case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
      case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
        result.append(scalar.replaced(by: AlignedScalar.space))
      default: result.append(scalar)
      }
    }
  }
}

/// The rules of BertNormalizer (normalizers/bert.rs), in the order in which it applies them.
package struct BertNormalization: Sendable {
  /// Removes control characters and makes all white space plain spaces.
  var cleansText: Bool
  /// Puts spaces around ideographs, so that each becomes a word.
  var separatesIdeographs: Bool
  /// Decomposes and removes accents; nil does it with lower case.
  var stripsAccents: Bool?
  /// Makes lower case.
  var lowercases: Bool

  func append(_ source: ArraySlice<AlignedScalar>, to result: inout [AlignedScalar]) {
    guard stripsAccents ?? lowercases, source.contains(where: { $0.value >= 0x80 }) else {
      return appendScalars(source, lowercases: lowercases, to: &result)
    }
    var separated: [AlignedScalar] = []
    separated.reserveCapacity(source.count)
    appendScalars(source, lowercases: false, to: &separated)
    var decomposed: [AlignedScalar] = []
    decomposed.reserveCapacity(separated.count)
    UnicodeNormalization.canonicalDecomposition.append(separated[...], to: &decomposed)
    decomposed.removeAll { $0.value >= 0x80 && ScalarClasses.of($0.value).contains(.accent) }
    if lowercases {
      Normalizer.appendLowercase(decomposed[...], to: &result)
    } else {
      result += decomposed
    }
  }

  /// Cleaning, ideographs and lower case look at one scalar at a time, so they go in one pass.
  private func appendScalars(
    _ source: ArraySlice<AlignedScalar>, lowercases: Bool, to result: inout [AlignedScalar]
  ) {
    for var scalar in source {
      if cleansText {
        let classes = ScalarClasses.of(scalar.value)
        if classes.contains(.cleaned) { continue }
        if classes.contains(.whitespace) { scalar.value = AlignedScalar.space }
      }
      if separatesIdeographs, scalar.value >= 0x3400, ScalarClasses.isIdeograph(scalar.value) {
        result.append(scalar.replaced(by: AlignedScalar.space))
        result.append(scalar)
        result.append(scalar.replaced(by: AlignedScalar.space))
      } else if lowercases {
        ScalarMappings.forEachLowercase(of: scalar.value) { result.append(scalar.replaced(by: $0)) }
      } else {
        result.append(scalar)
      }
    }
  }
}
