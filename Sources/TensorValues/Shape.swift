/// The extents of a tensor, outermost first. No dimension is negative, and the number of elements fits an `Int`.
public struct Shape: Sendable, Hashable {
  /// The extents, outermost first; empty for a scalar.
  public let dimensions: [Int]
  /// The product of the extents; 1 for a scalar.
  public let elementCount: Int

  /// Takes extents as they are, or nil if one is negative or their product overflows.
  ///
  /// A product is 0 as soon as one extent is 0, whatever the others are.
  public init?(_ dimensions: [Int]) {
    var count = 1
    var overflowed = false
    for extent in dimensions {
      guard extent >= 0 else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      overflowed = overflowed || overflow
      count = product
    }
    if dimensions.contains(0) {
      count = 0
    } else if overflowed {
      return nil
    }
    self.dimensions = dimensions
    self.elementCount = count
  }

  private init(scalar: Void) {
    dimensions = []
    elementCount = 1
  }

  /// The shape of a scalar: no dimension, one element.
  public static let scalar = Shape(scalar: ())

  /// The number of dimensions.
  public var rank: Int { dimensions.count }
}

extension Shape: CustomStringConvertible {
  /// As Python writes it: `[2, 3]`.
  public var description: String {
    var text = "["
    for (axis, extent) in dimensions.enumerated() {
      if axis > 0 { text += ", " }
      text += String(extent)
    }
    return text + "]"
  }
}

extension Shape {
  /// The index for each dimension of an element, by its row-major index.
  package func place(of index: Int) -> [Int] {
    var rest = index
    var place: [Int] = []
    for extent in dimensions.reversed() {
      place.append(extent == 0 ? 0 : rest % extent)
      rest /= max(extent, 1)
    }
    return place.reversed()
  }
}
