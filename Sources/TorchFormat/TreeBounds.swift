internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

/// How much a walk of a checkpoint's values may come upon: a short pickle that shares what it has can spell long paths, and hold what is
/// in it in more places than there is memory for.
struct TreeBounds {
  /// The most bytes that the names of all tensors may take together, beyond what the pickle itself has: a short pickle
  /// can spell long paths by sharing keys and containers.
  private static let nameBytesInAll = 64 << 20

  /// The most bytes of texts and byte strings along all paths, beyond twice those of the pickle.
  private static let textBytesInAll = 64 << 20

  /// How many bytes all tensors may have together: views may repeat elements, and tie and expand tensors, but a short
  /// file that unfolds to more than this is made to exhaust whoever reads it.
  private static let viewedBytesInAll = 1 << 30
  /// The same for each byte that is stored.
  private static let viewsOfAByte = 256

  /// How many values and tensors may be reached for each value of the pickle, beyond a number that any pickle may
  /// reach: a module's parts are shared a few dozen times, a file made to exhaust memory shares its own in powers of 2.
  private static let visitsOfAValue = (free: 100_000, each: 64)
  private static let tensorsOfAValue = (free: 10_000, each: 16)

  private let resolver: ObjectResolver
  private let maximumVisits: TreeVisits
  private let maximumTensors: Int

  /// What has been come upon, along all paths.
  private(set) var visits = TreeVisits()
  private var tensorCount = 0
  private var nameBytes = 0
  private var viewedBytes = 0
  private var storedBytes = 0
  private var seenStorages: Set<ObjectIdentifier> = []

  init(_ resolver: ObjectResolver, _ limits: ReadLimits) {
    self.resolver = resolver
    // At most some 130 million: the pickle machine's limits.
    let values = resolver.document.size
    maximumVisits = TreeVisits(
      values: min(
        limits.pickleVisits, Self.visitsOfAValue.free + Self.visitsOfAValue.each * values),
      bytes: Self.textBytesInAll + 2 * resolver.document.byteCount)
    maximumTensors = min(
      limits.tensorCount, Self.tensorsOfAValue.free + Self.tensorsOfAValue.each * values)
  }

  /// Counts values and the bytes of their texts.
  mutating func count(
    _ added: TreeVisits, at reference: PickleReference
  ) throws(CheckpointError) {
    // No more than twice the limits, which are far from the largest number.
    visits = visits + added
    let isTooMany = visits.values > maximumVisits.values
    guard isTooMany || visits.bytes > maximumVisits.bytes else { return }
    throw resolver.failure(
      .limitExceeded, at: reference, "structure",
      "more than "
        + (isTooMany ? "\(maximumVisits.values) values" : "\(maximumVisits.bytes) bytes of texts")
        + " along all paths")
  }

  /// Counts a tensor and its name.
  mutating func countName(
    _ name: ExactName, at reference: PickleReference
  ) throws(CheckpointError) {
    nameBytes += name.byteCount
    guard tensorCount < maximumTensors, nameBytes <= Self.nameBytesInAll else {
      throw resolver.failure(
        .limitExceeded, at: reference, "structure",
        "more than \(maximumTensors) tensors, or names of more than "
          + "\(Self.nameBytesInAll) bytes in all")
    }
    tensorCount += 1
  }

  /// Counts a tensor's bytes against those that are stored.
  mutating func countBytes(
    _ tensor: TensorValue, _ name: ExactName, at reference: PickleReference
  ) throws(CheckpointError) {
    if seenStorages.insert(ObjectIdentifier(tensor.storage)).inserted {
      storedBytes =
        storedBytes.addingReportingOverflow(tensor.storage.source.byteCount).partialValue
    }
    let permitted = storedBytes.multipliedReportingOverflow(by: Self.viewsOfAByte)
    let viewed = viewedBytes.addingReportingOverflow(
      tensor.dtype.byteCount(elementCount: tensor.shape.elementCount) ?? Int.max)
    guard !viewed.overflow,
      permitted.overflow || viewed.partialValue <= Self.viewedBytesInAll
        || viewed.partialValue - Self.viewedBytesInAll <= permitted.partialValue
    else {
      var failure = resolver.failure(
        .limitExceeded, at: reference, "structure",
        "the tensors up to here repeat \(storedBytes) stored bytes more than "
          + "\(Self.viewsOfAByte) times")
      failure.tensor = name.string
      throw failure
    }
    viewedBytes = viewed.partialValue
  }
}
