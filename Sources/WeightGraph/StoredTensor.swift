public import CheckpointBytes
public import TensorValues

/// Elements in stored bytes: where they are, how they are laid out, and what has to be done to each on the way out.
///
/// This is the leaf of every weight. Transposing, slicing and most reshaping only change ``layout``.
public struct StoredTensor: Sendable {
  /// The bytes.
  public let source: any ByteSource
  /// The type of the elements.
  public let dtype: DType
  /// Where the elements lie in the bytes, counted in elements. Packed and at offset 0 for types whose elements share
  /// bytes.
  public let layout: StridedLayout
  /// The order of each number's bytes.
  public let byteOrder: ByteOrder
  /// True if complex elements are stored conjugated (PyTorch's conj bit): they are conjugated when read.
  public let isConjugated: Bool
  /// True if elements are stored negated (PyTorch's neg bit): they are negated when read.
  public let isNegated: Bool

  /// Takes stored elements, once it is sure that they lie inside the bytes.
  ///
  /// - Throws: `malformed` if they do not, or if repeated elements make more bytes than can be counted; `unsupported` if a
  ///   type whose elements share bytes has strides, or one without a sign bit of its own is stored negated.
  public init(
    source: any ByteSource, dtype: DType, layout: StridedLayout, byteOrder: ByteOrder = .little,
    isConjugated: Bool = false, isNegated: Bool = false
  ) throws(CheckpointError) {
    let needed = dtype.byteCount(elementCount: layout.end)
    guard let needed, needed <= source.byteCount else {
      throw CheckpointError(
        .malformed, CheckpointError.Site(file: source.origin),
        "\(dtype) \(layout.shape) needs \(needed.map(String.init) ?? "too many") bytes, the storage has \(source.byteCount)"
      )
    }
    guard dtype.byteCount(elementCount: layout.shape.elementCount) != nil else {
      throw CheckpointError(
        .malformed, CheckpointError.Site(file: source.origin),
        "\(dtype) \(layout.shape) takes more bytes than can be counted")
    }
    guard !isNegated || dtype.hasSignBit else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(file: source.origin), "negated \(dtype) elements")
    }
    if dtype.byteWidth == nil, !(layout.isPacked && layout.offset == 0) {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(file: source.origin),
        "a view of \(dtype) elements, which share bytes")
    }
    self.source = source
    self.dtype = dtype
    self.layout = layout
    self.byteOrder = byteOrder
    self.isConjugated = isConjugated && dtype.category == .complex
    self.isNegated = isNegated
  }

  private init(_ other: StoredTensor, layout: StridedLayout) {
    source = other.source
    dtype = other.dtype
    self.layout = layout
    byteOrder = other.byteOrder
    isConjugated = other.isConjugated
    isNegated = other.isNegated
  }

  /// The same elements under a layout derived from this one's; nil for types whose elements share bytes.
  func viewed(_ layout: StridedLayout?) -> StoredTensor? {
    guard let layout, dtype.byteWidth != nil else { return nil }
    return StoredTensor(self, layout: layout)
  }

  /// True if the stored bytes are the packed little-endian bytes of the elements.
  public var isVerbatim: Bool {
    layout.isPacked && !isConjugated && !isNegated
      && (byteOrder == .little || dtype.componentByteWidth == 1 || dtype.byteWidth == nil)
  }

  /// Where the packed elements begin in the bytes.
  var byteOffset: Int {
    layout.shape.elementCount == 0 ? 0 : (dtype.byteCount(elementCount: layout.offset) ?? 0)
  }
}

extension DType {
  /// True if flipping the highest bit of a number (of each part, for complex ones) negates it.
  fileprivate var hasSignBit: Bool {
    switch self {
    case .f16, .bf16, .f32, .f64, .f8E4M3, .f8E5M2, .c32, .c64, .c128: true
    default: false
    }
  }
}
