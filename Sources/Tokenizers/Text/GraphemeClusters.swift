/// Extended grapheme clusters (Unicode Standard Annex #29) as the crate `unicode-segmentation` finds them, which Precompiled
/// asks. Swift's `Character` is of another Unicode version.
enum GraphemeClusters {
  /// What a scalar is for the rules of clusters; the raw values are those of ``UnicodeTables/clusters``.
  ///
  /// Regional indicators are `other`: their pairs are longer than Precompiled looks up, so nothing depends on them.
  private enum Kind: UInt8 {
    case other, control
    /// Joins the scalar before it: a spacing mark; `Extend` that parts conjuncts; one that does not; a conjunct's linker.
    case spacingMark, extend, conjunctExtend, linker
    case joiner, prepended, pictograph, consonant
    case lead, vowel, trail, leadVowel, leadVowelTrail

    var extends: Bool { self == .extend || self == .conjunctExtend || self == .linker }
  }

  /// What joins a scalar before it is this or above, but for a line feed after a carriage return.
  private static let firstJoining: UInt32 = 0x300
  private static let carriageReturn: UInt32 = 0x0D
  private static let lineFeed: UInt32 = 0x0A

  /// Where the cluster that begins at `start` ends.
  @inline(__always)
  static func end(of text: ArraySlice<AlignedScalar>, from start: Int) -> Int {
    let next = start + 1
    guard next < text.endIndex else { return next }
    if text[start].value < firstJoining, text[next].value < firstJoining {
      let isLineEnd = text[start].value == carriageReturn && text[next].value == lineFeed
      return isLineEnd ? next + 1 : next
    }
    return endOfJoined(text, from: start)
  }

  private static func endOfJoined(_ text: ArraySlice<AlignedScalar>, from start: Int) -> Int {
    var position = start + 1
    var last = kind(text[start])
    // A pictograph and what extends it; and whether a joiner has come after them.
    var isPictographic = last == .pictograph
    var joinsPictograph = false
    // A consonant and what extends it; and whether a linker was among that.
    var isConjunct = last == .consonant
    var isLinked = false
    while position < text.endIndex {
      let next = kind(text[position])
      guard
        joins(last, next) || next == .pictograph && joinsPictograph
          || next == .consonant && isLinked
      else { break }
      joinsPictograph = isPictographic && next == .joiner
      isPictographic = next == .pictograph || isPictographic && next.extends
      isConjunct =
        next == .consonant
        || isConjunct && (next == .conjunctExtend || next == .linker || next == .joiner)
      isLinked = isConjunct && next != .consonant && (isLinked || next == .linker)
      last = next
      position += 1
    }
    return position
  }

  /// The rules that look at two scalars: GB4, GB5 to GB9b.
  private static func joins(_ last: Kind, _ next: Kind) -> Bool {
    if last == .control || next == .control { return false }
    if next.extends || next == .joiner || next == .spacingMark || last == .prepended {
      return true
    }
    switch next {
    case .lead, .leadVowel, .leadVowelTrail: return last == .lead
    case .vowel: return last == .lead || last == .vowel || last == .leadVowel
    case .trail:
      return last == .vowel || last == .leadVowel || last == .trail || last == .leadVowelTrail
    default: return false
    }
  }

  private static func kind(_ scalar: AlignedScalar) -> Kind {
    Kind(rawValue: UInt8(truncatingIfNeeded: table[scalar.value])) ?? .other
  }

  private static let table = BlockTable(UnicodeTables.clusters)
}
