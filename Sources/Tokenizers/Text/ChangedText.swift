/// A text being rewritten, in the reference's way of counting: each scalar of the result says how its position differs from
/// the source's (`NormalizedString::transform`, tokenizer/normalizer.rs).
struct ChangedText {
  private let source: ArraySlice<AlignedScalar>
  /// The first scalar of the source that the result does not stand for yet.
  private var next: Int

  init(of source: ArraySlice<AlignedScalar>) {
    self.source = source
    next = source.startIndex
  }

  /// Appends the next scalar of the result. It stands for `1 - change` scalars of the source, beginning where the scalars
  /// before it ended; one that adds to the text stands for the same as the scalar before it.
  @inline(__always)
  mutating func append(_ value: UInt32, change: Int, to result: inout [AlignedScalar]) {
    let place = change > 0 ? next - 1 : next
    guard source.indices.contains(place) else { return }
    result.append(source[place].replaced(by: value))
    next += 1 - change
  }
}
