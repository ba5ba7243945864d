/// The four normalization forms, aligned with the original as the reference aligns them.
package enum UnicodeNormalization: String, Sendable {
  case canonicalDecomposition = "NFD"
  case canonicalComposition = "NFC"
  case compatibilityDecomposition = "NFKD"
  case compatibilityComposition = "NFKC"

  private var isCompatible: Bool {
    self == .compatibilityDecomposition || self == .compatibilityComposition
  }

  private var composes: Bool {
    self == .canonicalComposition || self == .compatibilityComposition
  }

  /// A scalar of the result, and how the result's position differs from the source's, as ``ChangedText`` counts it.
  private struct Changed {
    var value: UInt32
    var change: Int
    var combiningClass: UInt8 = 0
  }

  /// Appends the normalized form of a text to `result`.
  func append(_ source: ArraySlice<AlignedScalar>, to result: inout [AlignedScalar]) {
    // ASCII stays as it is in all forms.
    if source.allSatisfy({ $0.value < 0x80 }) {
      result += source
      return
    }
    let decomposed = Self.decompose(source, compatible: isCompatible)
    let changed = composes ? Self.compose(decomposed) : decomposed
    var text = ChangedText(of: source)
    for scalar in changed { text.append(scalar.value, change: scalar.change, to: &result) }
  }

  /// The full decomposition, marks in canonical order; each keeps the change it came with.
  private static func decompose(
    _ source: ArraySlice<AlignedScalar>, compatible: Bool
  ) -> [Changed] {
    var result: [Changed] = []
    result.reserveCapacity(source.count)
    var firstMark: Int?
    func sortMarks() {
      guard let start = firstMark else { return }
      firstMark = nil
      guard result.count - start > 1 else { return }
      // By class, stable: what `sort` of the standard library is, though it does not promise it; hence the position.
      let marks = result[start...].enumerated().sorted {
        ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
      }
      result.replaceSubrange(start..., with: marks.map(\.element))
    }
    for scalar in source {
      var isFirst = true
      ScalarMappings.forEachDecomposed(of: scalar.value, compatible: compatible) { value in
        let combiningClass = ScalarMappings.combiningClass(of: value)
        if combiningClass == 0 {
          sortMarks()
        } else if firstMark == nil {
          firstMark = result.count
        }
        result.append(
          Changed(value: value, change: isFirst ? 0 : 1, combiningClass: combiningClass))
        isFirst = false
      }
    }
    sortMarks()
    return result
  }

  /// Canonical composition of decomposed text (Unicode Standard, definition D117). The composed scalar stands for what its
  /// parts stand for: the changes add up.
  private static func compose(_ source: [Changed]) -> [Changed] {
    var result: [Changed] = []
    result.reserveCapacity(source.count)
    // The last starter's place in the result, and the class of the last mark that stayed after it.
    var starter: Int?
    var lastClass: UInt8?
    for scalar in source {
      if let place = starter, lastClass.map({ $0 < scalar.combiningClass }) ?? true,
        let value = ScalarMappings.composed(result[place].value, scalar.value)
      {
        result[place].value = value
        result[place].change += scalar.change - 1
        continue
      }
      if scalar.combiningClass == 0 {
        starter = result.count
        lastClass = nil
      } else if starter != nil {
        lastClass = scalar.combiningClass
      }
      result.append(scalar)
    }
    return result
  }
}
