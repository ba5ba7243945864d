/// The memo of a pickle: values by places that the pickle numbers.
struct PickleMemo: Sendable {
  /// How far places may run ahead of the number of places that are taken: Python 2 begins with 1, and
  /// `pickletools.optimize` leaves gaps. What lies further is kept apart.
  private static let gap = 1_024
  /// The most places that are kept apart: no pickler leaves such gaps.
  private static let mostSparse = 65_536

  /// By place; -1 where nothing was put.
  private var dense = PagedArray<Int32>()
  private var sparse: [UInt64: PickleReference] = [:]
  /// The number of places that are taken.
  private(set) var count = 0

  /// The number of places that memory is taken for.
  var placeCount: Int { dense.count }

  subscript(place: UInt64) -> PickleReference? {
    if place < UInt64(dense.count), case let index = dense[Int(truncatingIfNeeded: place)],
      index >= 0
    {
      return PickleReference(Int(index))
    }
    return sparse[place]
  }

  /// Puts a value at a place; false if that lies too far from all others, and there are many such.
  mutating func put(_ reference: PickleReference, at place: UInt64) -> Bool {
    if place < UInt64(dense.count) {
      let index = Int(truncatingIfNeeded: place)
      if dense[index] < 0, sparse.removeValue(forKey: place) == nil { count += 1 }
      dense[index] = reference.index
    } else if place <= UInt64(2 * count + PickleMemo.gap) {
      while UInt64(dense.count) < place { dense.append(-1) }
      dense.append(reference.index)
      if sparse.removeValue(forKey: place) == nil { count += 1 }
    } else {
      if sparse.updateValue(reference, forKey: place) == nil { count += 1 }
      return sparse.count <= PickleMemo.mostSparse
    }
    return true
  }
}
