public import CheckpointBytes
internal import TensorValues

/// What an HDF5 file holds: plain values, no handle into any library.
///
/// ```
/// superblock ─► root group ─► links ─► groups, data sets ─► attributes
///                                           └─► layout: where the elements' bytes are, and through which filters
/// ```
///
/// Every place is compared with the file's size. Only hard links are followed. What leads elsewhere (soft, external and
/// user-defined links, external storage, virtual data sets) and what is damaged is refused by itself: ``refusals`` lists
/// it, and the rest of the file is described.
public struct HDF5Description: Sendable, Hashable {
  /// The groups in the order in which they were met; the first is the root, whose path is empty.
  public package(set) var groups: [HDF5Group] = []
  /// The data sets in the order in which they were met.
  public package(set) var datasets: [HDF5Dataset] = []
  /// The datatypes with a name of their own, in the order in which they were met.
  public package(set) var namedTypes: [HDF5NamedType] = []
  /// The links and objects that were not read, in the order in which they were met.
  public package(set) var refusals: [HDF5Refusal] = []

  /// Reads the structure of a file.
  ///
  /// - Throws: `malformed`, `truncated`, `mismatch` or `unsupported` if the superblock or the root group cannot be read,
  ///   `limitExceeded` if the file holds more objects, or deeper groups, than `limits` allow.
  package init(_ file: SourceFile, limits: ReadLimits = ReadLimits()) throws(CheckpointError) {
    self = try HDF5FileReader(file, limits: limits).describe()
    finish(file, limits)
  }

  package init() {}

  /// What is done to a description once all objects are in it.
  package mutating func finish(_ file: SourceFile, _ limits: ReadLimits) {
    nameOpaqueTypes()
    refuse { $0.unknownFilter(in: file) }
    refuseExpansion(file, limits)
  }

  /// The group of a path, compared by bytes; the root's path is empty.
  public func group(_ path: ExactName) -> HDF5Group? {
    groups.first { $0.path == path || $0.otherPaths.contains(path) }
  }

  /// The data set of a path, compared by bytes.
  public func dataset(_ path: ExactName) -> HDF5Dataset? {
    datasets.first { $0.path == path || $0.otherPaths.contains(path) }
  }
}

/// A group and its attributes.
public struct HDF5Group: Sendable, Hashable {
  /// The path, without a leading slash; empty for the root.
  public let path: ExactName
  /// Further hard links to the same group. What lies below it is listed under ``path`` only.
  public package(set) var otherPaths: [ExactName] = []
  /// The attributes, in the order of the file.
  public let attributes: [HDF5Attribute]
  /// True if it has no link to anything.
  public let isEmpty: Bool

  package init(path: ExactName, attributes: [HDF5Attribute], isEmpty: Bool) {
    self.path = path
    self.attributes = attributes
    self.isEmpty = isEmpty
  }
}

/// A datatype with a name of its own, "committed" in HDF5's words: data sets and attributes that have it refer to it, and
/// are described as having such a type.
public struct HDF5NamedType: Sendable, Hashable {
  /// The path, without a leading slash.
  public let path: ExactName
  /// Further hard links to the same type.
  public package(set) var otherPaths: [ExactName] = []
  /// What elements of the type are.
  public let elementType: HDF5ElementType
  /// How many attributes the type itself has.
  public let attributeCount: Int

  package init(path: ExactName, elementType: HDF5ElementType, attributeCount: Int) {
    self.path = path
    self.elementType = elementType
    self.attributeCount = attributeCount
  }
}

/// A link or an object that is not read. It does not keep anything else in the file from being read.
public struct HDF5Refusal: Sendable, Hashable {
  /// The path by which it was met first, without a leading slash. What lies below it is not known.
  public let path: ExactName
  /// Further hard links to the same object.
  public package(set) var otherPaths: [ExactName] = []
  /// Why: `forbidden` for what leads out of the file or through soft links, `truncated`, `malformed`, `mismatch` (a
  /// checksum) or `unsupported` for what cannot be read, `limitExceeded`.
  public package(set) var reason: CheckpointError

  /// Makes a refusal.
  public init(path: ExactName, reason: CheckpointError) {
    self.path = path
    self.reason = reason
  }
}

/// A named value on a group or a data set.
public struct HDF5Attribute: Sendable, Hashable {
  /// The name.
  public let name: ExactName
  /// The value: strings as text, numbers as numbers, arrays as packed little-endian numbers; none for a null dataspace.
  /// What has no such form (references, compounds) is an object named `hdf5.` and its class.
  public let value: InertValue
  /// How it is stored, where the value does not say it: by itself, text is UTF-8 of variable length, an integer is `I64`,
  /// a number `F64`, and an array is of its own type, little-endian.
  public let type: HDF5AttributeType?

  /// Makes an attribute.
  public init(_ name: ExactName, _ value: InertValue, type: HDF5AttributeType? = nil) {
    self.name = name
    self.value = value
    self.type = type
  }

  /// What stands for a value that has no form as inert data, with the reason if it is not the type alone.
  package static func marker(_ kind: String, _ reason: String? = nil) -> InertValue {
    .object(.init(type: markerPrefix + kind, arguments: reason.map { [.string($0)] } ?? []))
  }

  private static let markerPrefix = "hdf5."

  /// What a value that is only a marker stands for, in words; nil for a value.
  public static func missingValue(_ value: InertValue) -> String? {
    guard case .object(let object) = value, object.type.utf8.starts(with: markerPrefix.utf8) else {
      return nil
    }
    let kind = String(object.type.dropFirst(markerPrefix.count))
    if case .string(let reason)? = object.arguments.first { return "\(kind): \(reason)" }
    return "its type is \(kind), which is not carried"
  }
}

extension [HDF5Attribute] {
  /// The value of a name.
  public subscript(name: ExactName) -> InertValue? {
    first { $0.name == name }?.value
  }
}

// MARK: Plausibility

extension HDF5Description {
  /// Elements that are stored as they are come to no more than the file, unless data sets share a place. Those that are not (chunks left
  /// out, compressed) may be more than the bytes behind them, but not without bound: a file of a kilobyte can announce
  /// exabytes of fill values. The data sets with which a bound is passed are refused.
  private mutating func refuseExpansion(_ file: SourceFile, _ limits: ReadLimits) {
    var (plain, stored) = (0, 0)
    for case .chunked(let chunks) in datasets.lazy.map(\.storage) {
      // Each lies in the file; no more than the whole of it counts.
      for chunk in chunks.chunks { stored = min(file.size, stored + chunk.byteCount) }
    }
    let (ratio, isBeyond) = stored.multipliedReportingOverflow(by: limits.inflateRatio)
    let most =
      isBeyond || ratio > Int.max - Self.expansionSlack ? Int.max : ratio + Self.expansionSlack
    var announced = 0
    refuse { dataset in
      let isExpanded = dataset.isExpanded
      let (sum, overflow) = (isExpanded ? announced : plain)
        .addingReportingOverflow(dataset.byteCount)
      if !overflow, sum <= (isExpanded ? most : file.size) {
        if isExpanded { announced = sum } else { plain = sum }
        return nil
      }
      return CheckpointError(
        .limitExceeded, file: file.path, member: dataset.path.string,
        tensor: dataset.path.string,
        "the data sets announce \(overflow ? Int.max : sum) bytes out of \(isExpanded ? stored : file.size) stored"
      )
    }
  }

  /// Refuses the data sets that there is a reason for.
  private mutating func refuse(_ reason: (HDF5Dataset) -> CheckpointError?) {
    var refusals = refusals
    datasets.removeAll { dataset in
      guard let reason = reason(dataset) else { return false }
      var refusal = HDF5Refusal(path: dataset.path, reason: reason)
      refusal.otherPaths = dataset.otherPaths
      refusals.append(refusal)
      return true
    }
    self.refusals = refusals
  }

  /// Small models made of fill values are legal; they fit this.
  private static let expansionSlack = 64 << 20
}

extension HDF5Dataset {
  /// True if more elements may be announced than bytes are stored.
  fileprivate var isExpanded: Bool {
    switch storage {
    case .contiguous, .compact: false
    case .unallocated, .chunked: true
    }
  }

  /// The reason why the elements cannot be read: a chunk went through a filter that is not known. A filter that was left out of every
  /// chunk, because it was optional and not there when they were written, is no reason.
  fileprivate func unknownFilter(in file: SourceFile) -> CheckpointError? {
    guard case .chunked(let chunks) = storage else { return nil }
    let grid = ChunkGrid(
      dimensions: shape.dimensions, chunkDimensions: chunks.shape, elementSize: elementByteCount)
    for (index, filter) in chunks.filters.enumerated() where !ChunkPipeline.knows(filter) {
      let isApplied = chunks.chunks.contains { chunk in
        chunk.filterMask >> UInt32(index) & 1 == 0
          && !(chunks.leavesEdgesUnfiltered && grid?.isCut(chunk.origin) ?? false)
      }
      if isApplied {
        return ChunkPipeline.unknown(filter).located(
          file: file.path, member: path.string, tensor: path.string)
      }
    }
    return nil
  }
}
