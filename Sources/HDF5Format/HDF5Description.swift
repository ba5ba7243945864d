public import CheckpointBytes

/// What an HDF5 file holds: plain values, no handle into any library.
///
/// ```
/// superblock ─► root group ─► links ─► groups, data sets ─► attributes
///                                           └─► layout: where the elements' bytes are, and through which filters
/// ```
///
/// libhdf5 reads the structure, and nothing else: the elements are read from the file by this package, with every place
/// compared with the file's size. Only hard links are followed; a file with soft, external or user-defined links,
/// external storage or virtual data sets is refused.
public struct HDF5Description: Sendable, Hashable {
  /// The groups in the order in which they were met; the first is the root, whose path is empty.
  public internal(set) var groups: [HDF5Group] = []
  /// The data sets in the order in which they were met.
  public internal(set) var datasets: [HDF5Dataset] = []

  /// Reads the structure of a file.
  ///
  /// - Throws: `malformed` or `truncated` with libhdf5's words, `forbidden` if the file points outside of itself or
  ///   through soft links, `limitExceeded` if it holds more than `limits` allow or announces far more bytes than it
  ///   stores.
  public init(_ file: SourceFile, limits: ReadLimits = ReadLimits()) throws(CheckpointError) {
    do {
      self = try HDF5Library.describe(path: file.location, fileSize: file.size, limits: limits)
    } catch {
      throw error.inFile(file.path)
    }
    nameOpaqueTypes()
    try checkExpansion(file, limits)
  }

  init() {}

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
  public internal(set) var otherPaths: [ExactName] = []
  /// The attributes, in the order of the file.
  public let attributes: [HDF5Attribute]
}

/// A named value on a group or a data set.
public struct HDF5Attribute: Sendable, Hashable {
  /// The name.
  public let name: ExactName
  /// The value: strings as text, numbers as numbers, arrays as packed little-endian numbers. What has no such form
  /// (references, compounds) is an object named `hdf5.` and its class.
  public let value: InertValue

  /// Makes an attribute.
  public init(_ name: ExactName, _ value: InertValue) {
    self.name = name
    self.value = value
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
  /// Elements that are not stored as they are (chunks left out, compressed) may be more than the bytes behind them, but
  /// not without bound: a file of a kilobyte can announce exabytes of fill values.
  private func checkExpansion(_ file: SourceFile, _ limits: ReadLimits) throws(CheckpointError) {
    var announced = 0
    var stored = 0
    for dataset in datasets {
      switch dataset.storage {
      case .contiguous, .compact: continue
      case .unallocated: break
      case .chunked(let chunks):
        for chunk in chunks.chunks {
          stored = stored.addingReportingOverflow(chunk.byteCount).partialValue
        }
      }
      let (sum, overflow) = announced.addingReportingOverflow(dataset.byteCount)
      announced = overflow ? Int.max : sum
      let (most, mostOverflow) = min(stored, file.size)
        .multipliedReportingOverflow(by: limits.inflateRatio)
      guard mostOverflow || announced <= most || announced - most <= Self.expansionSlack else {
        throw CheckpointError(
          .limitExceeded, file: file.path, tensor: dataset.path.string,
          "the data sets announce \(announced) bytes out of \(min(stored, file.size)) stored")
      }
    }
  }

  /// Small models made of fill values are legal; they fit this.
  private static let expansionSlack = 64 << 20
}
