internal import CHDF5
internal import CheckpointBytes
internal import TensorValues

/// Makes the structure of one file through libhdf5. Only ever used under the library's lock.
///
/// Groups, links and data sets are many and small: everything that they have in common is made once, and an object is made
/// in its own group, which stays open, instead of by its path from the root.
final class HDF5FileWriter {
  let path: String
  private let file: HDF5Handle
  private let settings: Settings
  private var taken: Set<ExactName> = [""]
  private var objects: Set<ExactName> = []
  /// The groups from the root to where the last object was made.
  private var open: [(name: String, group: HDF5Handle)] = []
  private var types: [DType: [ByteOrder: HDF5Handle]] = [:]

  /// How objects and links are made.
  private struct Settings {
    let group: HDF5Handle
    let dataset: HDF5Handle
    let link: HDF5Handle
    let linkInUTF8: HDF5Handle

    init?() {
      guard let group = HDF5Handle.properties(weighbridge_hdf5_group_creation()),
        let dataset = HDF5Handle.properties(weighbridge_hdf5_dataset_creation()),
        let link = HDF5Handle.properties(weighbridge_hdf5_link_creation()),
        let linkInUTF8 = HDF5Handle.properties(weighbridge_hdf5_link_creation()),
        H5Pset_obj_track_times(group.identifier, false) >= 0,
        H5Pset_layout(dataset.identifier, H5D_CONTIGUOUS) >= 0,
        H5Pset_alloc_time(dataset.identifier, H5D_ALLOC_TIME_EARLY) >= 0,
        H5Pset_fill_time(dataset.identifier, H5D_FILL_TIME_NEVER) >= 0,
        H5Pset_obj_track_times(dataset.identifier, false) >= 0,
        H5Pset_char_encoding(linkInUTF8.identifier, H5T_CSET_UTF8) >= 0
      else { return nil }
      self.group = group
      self.dataset = dataset
      self.link = link
      self.linkInUTF8 = linkInUTF8
    }

    /// Link names are marked as UTF-8 only where they have to be: the mark needs groups of the newer form, which old
    /// readers do not know. h5py does the same, and for the whole path, groups on the way included.
    func link(to path: String) -> HDF5Handle {
      path.utf8.allSatisfy { $0 < 0x80 } ? link : linkInUTF8
    }
  }

  /// Creates the file, or empties it.
  init(path: String) throws(CheckpointError) {
    self.path = path
    guard let access = HDF5Handle.properties(weighbridge_hdf5_file_access()),
      let creation = HDF5Handle.properties(weighbridge_hdf5_file_creation()),
      // Headers are small; only what is worth mapping is aligned.
      H5Pset_alignment(access.identifier, 512, 64) >= 0,
      // Small data would otherwise be gathered in blocks of 2 KiB, gaps included.
      H5Pset_small_data_block_size(access.identifier, 0) >= 0,
      let settings = Settings(),
      let file = HDF5Handle.file(
        unsafe H5Fcreate(path, 2, creation.identifier, access.identifier))
    else {
      throw CheckpointError(
        .inputOutput, file: path, "libhdf5 cannot create it: \(HDF5Library.takeError())")
    }
    self.file = file
    self.settings = settings
  }

  func failure(
    _ kind: FailureKind, _ member: ExactName, _ field: String? = nil, _ problem: String? = nil
  ) -> CheckpointError {
    CheckpointError(
      kind, file: path, member: member.string.isEmpty ? "/" : member.string, field: field,
      problem ?? "libhdf5 cannot write it: \(HDF5Library.takeError())")
  }

  /// Makes everything of a plan; returns where the data of the data sets goes.
  func write(_ plan: HDF5Plan) throws(CheckpointError) -> [Int] {
    for group in plan.groups {
      let object = try self.group(components(group.path))
      guard objects.insert(group.path).inserted else {
        throw failure(.inconsistent, group.path, nil, "the plan names the group twice")
      }
      for attribute in group.attributes { try write(attribute, to: object, at: group.path) }
    }
    var offsets: [Int] = []
    for dataset in plan.datasets { offsets.append(try make(dataset)) }
    for link in plan.hardLinks { try make(link) }
    open = []
    guard H5Fflush(file.identifier, H5F_SCOPE_LOCAL) >= 0 else {
      throw failure(.inputOutput, "")
    }
    return offsets
  }

  // MARK: Paths

  /// The components of a path, none of which may be empty or `.`, or nil.
  private func components(_ path: ExactName) throws(CheckpointError) -> [String] {
    if path.string.isEmpty { return [] }
    let components = path.string.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard !components.contains(""), !components.contains("."), !path.string.utf8.contains(0) else {
      throw failure(.inconsistent, path, nil, "is no path of an HDF5 object")
    }
    return components
  }

  /// The group of a path, made if it is not there.
  private func group(_ components: some Collection<String>) throws(CheckpointError) -> HDF5Handle {
    let known = zip(open, components).prefix { $0.0.name == $0.1 }.count
    open.removeLast(open.count - known)
    var parent = open.last?.group ?? file
    var current = open.map(\.name).joined(separator: "/")
    for component in components.dropFirst(known) {
      current += current.isEmpty ? component : "/" + component
      let identifier =
        taken.insert(ExactName(current)).inserted
        ? unsafe H5Gcreate2(
          parent.identifier, component, settings.link(to: current).identifier,
          settings.group.identifier, 0)
        : unsafe H5Gopen2(parent.identifier, component, 0)
      guard let group = HDF5Handle.object(identifier) else {
        throw failure(.inputOutput, ExactName(current))
      }
      open.append((component, group))
      parent = group
    }
    return parent
  }

  /// Takes a path for a new object; returns the group to make it in and its name there.
  private func take(
    _ path: ExactName
  ) throws(CheckpointError) -> (parent: HDF5Handle, name: String) {
    let components = try components(path)
    let parent = try group(components.dropLast())
    guard let name = components.last, taken.insert(path).inserted else {
      throw failure(
        .inconsistent, path, nil,
        components.isEmpty ? "is no path of an HDF5 object" : "the plan uses the path twice")
    }
    return (parent, name)
  }

  private func type(_ dtype: DType, _ order: ByteOrder) -> HDF5Handle? {
    if let known = types[dtype]?[order] { return known }
    let type = HDF5Handle.stored(dtype, order)
    types[dtype, default: [:]][order] = type
    return type
  }

  // MARK: Objects

  private func make(_ dataset: HDF5Plan.Dataset) throws(CheckpointError) -> Int {
    let (parent, name) = try take(dataset.path)
    guard let type = type(dataset.dtype, dataset.byteOrder) else {
      throw failure(
        .unsupported, dataset.path, nil,
        "HDF5 has no form for elements of type \(dataset.dtype) (\(dataset.byteOrder)-endian)")
    }
    guard let space = HDF5Handle.dataspace(dataset.shape),
      let object = HDF5Handle.object(
        unsafe H5Dcreate2(
          parent.identifier, name, type.identifier, space.identifier,
          settings.link(to: dataset.path.string).identifier, settings.dataset.identifier, 0))
    else { throw failure(.inputOutput, dataset.path) }
    var attributes = dataset.attributes
    if let name = DType.opaqueNames.first(where: { $0.0 == dataset.dtype })?.1,
      attributes["dtype"] == nil
    {
      attributes.append(HDF5Attribute("dtype", .string(name)))
    }
    for attribute in attributes { try write(attribute, to: object, at: dataset.path) }
    if dataset.shape.elementCount == 0 { return 0 }
    let address = H5Dget_offset(object.identifier)
    guard weighbridge_hdf5_is_undefined(address) == 0, let offset = Int(exactly: address) else {
      throw failure(.inputOutput, dataset.path)
    }
    return offset
  }

  private func make(_ link: HDF5Plan.HardLink) throws(CheckpointError) {
    guard taken.contains(link.target) else {
      throw failure(
        .inconsistent, link.path, nil, "the plan has nothing at \(quoted(link.target.string))")
    }
    let (parent, name) = try take(link.path)
    let target = link.target.string.isEmpty ? "/" : link.target.string
    guard
      unsafe H5Lcreate_hard(
        file.identifier, target, parent.identifier, name,
        settings.link(to: link.path.string).identifier, 0) >= 0
    else { throw failure(.inputOutput, link.path) }
  }
}
