internal import CheckpointBytes
internal import TensorValues

/// The extents of a data set or attribute (HDF5 specification IV.A.2.b).
struct Dataspace {
  /// The current extents; nil for one of no elements at all ("null").
  let shape: Shape?
  /// The largest extents, nil for an unlimited axis.
  let largest: [Int?]

  init(_ body: ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    var body = body
    let start = body.offset
    let version = try body.readVersion(1...2, "dataspace")
    let rank = Int(try body.readByte("dataspace"))
    let flags = try body.readByte("dataspace")
    guard rank <= Self.mostAxes else {
      throw ParseFailure(
        .malformed, at: start, "dataspace", "\(rank) axes, at most \(Self.mostAxes) are allowed")
    }
    if version == 1 {
      try body.skip(5, "dataspace")
    } else {
      let type = try body.readByte("dataspace")
      guard type <= 2, type == 1 || rank == 0 else {
        throw ParseFailure(.malformed, at: start, "dataspace", "type \(type) of \(rank) axes")
      }
      if type == 2 {
        shape = nil
        largest = []
        return
      }
    }
    var extents: [Int] = []
    var largest: [Int?] = []
    extents.reserveCapacity(rank)
    largest.reserveCapacity(rank)
    for _ in 0..<rank {
      // What is beyond 2^63 stays so, and fits no shape unless another extent is 0.
      let extent = Int(clamping: try body.readLength(form, "dataspace"))
      extents.append(extent)
      largest.append(extent)
    }
    guard let shape = Shape(extents) else {
      throw ParseFailure(
        .malformed, at: start, "dataspace", "the extents \(extents) do not fit 64 bits")
    }
    self.shape = shape
    guard flags & 1 != 0 else {
      self.largest = largest
      return
    }
    for axis in 0..<rank {
      // All bits set means unlimited, as with addresses.
      largest[axis] = try body.readUnlessAllOnes(form.lengthByteCount, "dataspace")
        .map { Int(clamping: $0) }
    }
    guard zip(extents, largest).allSatisfy({ $0 <= $1 ?? Int.max }) else {
      throw ParseFailure(
        .malformed, at: start, "dataspace", "the extents \(extents) are beyond the largest ones")
    }
    self.largest = largest
  }

  /// HDF5's own limit.
  static let mostAxes = 32
}
