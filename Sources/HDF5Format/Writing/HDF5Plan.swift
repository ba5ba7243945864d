public import CheckpointBytes
public import TensorValues

/// An HDF5 file to be written: its whole structure, before any data.
///
/// ``HDF5Structure`` lays it out and says where the data of each data set has to go; the caller puts it there. The file
/// has the oldest format that holds it (superblock 0), which h5py, TensorFlow and Keras of any age read: data is
/// contiguous and allocated at once, nothing is filled, no time is recorded, so that the same plan gives the same bytes.
public struct HDF5Plan: Sendable {
  /// A group.
  public struct Group: Sendable {
    /// The path, without a leading slash; empty for the root. Groups on the way are made.
    public var path: ExactName
    /// The attributes, in order.
    public var attributes: [HDF5Attribute]

    /// Makes a group.
    public init(path: ExactName, attributes: [HDF5Attribute] = []) {
      self.path = path
      self.attributes = attributes
    }
  }

  /// A data set.
  public struct Dataset: Sendable {
    /// The path, without a leading slash. Groups on the way are made.
    public var path: ExactName
    /// The type of the elements. What HDF5 has no type for (`BF16`, `F8_E4M3`…) is written as opaque bytes with an
    /// attribute `dtype` that names it, as Keras 3 writes it; such elements are little-endian.
    public var dtype: DType
    /// The order of the bytes.
    public var byteOrder: ByteOrder
    /// The extents.
    public var shape: Shape
    /// The attributes, in order.
    public var attributes: [HDF5Attribute]

    /// Makes a data set.
    public init(
      path: ExactName, dtype: DType, byteOrder: ByteOrder = .little, shape: Shape,
      attributes: [HDF5Attribute] = []
    ) {
      self.path = path
      self.dtype = dtype
      self.byteOrder = byteOrder
      self.shape = shape
      self.attributes = attributes
    }
  }

  /// A second name for a group or data set of the plan.
  public struct HardLink: Sendable {
    /// The new path, without a leading slash.
    public var path: ExactName
    /// The path of what it names.
    public var target: ExactName

    /// Makes a link.
    public init(path: ExactName, target: ExactName) {
      self.path = path
      self.target = target
    }
  }

  /// The groups. Those without attributes that data sets lie in need not be listed.
  public var groups: [Group]
  /// The data sets, in the order in which their data lies in the file.
  public var datasets: [Dataset]
  /// The further names.
  public var hardLinks: [HardLink]

  /// Makes a plan.
  public init(groups: [Group] = [], datasets: [Dataset] = [], hardLinks: [HardLink] = []) {
    self.groups = groups
    self.datasets = datasets
    self.hardLinks = hardLinks
  }
}
