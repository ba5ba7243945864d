internal import CHDF5
internal import CheckpointBytes
internal import TensorValues

/// Makes the structure of one file through libhdf5. Only ever used under the library's lock.
final class HDF5FileWriter {
  let path: String
  private let file: HDF5Handle
  private var taken: Set<ExactName> = [""]
  private var objects: Set<ExactName> = []

  /// Creates the file, or empties it.
  init(path: String) throws(CheckpointError) {
    self.path = path
    guard let access = HDF5Handle.properties(weighbridge_hdf5_file_access()),
      let creation = HDF5Handle.properties(weighbridge_hdf5_file_creation()),
      // Headers are small; only what is worth mapping is aligned.
      H5Pset_alignment(access.identifier, 512, 64) >= 0,
      // Small data would otherwise be gathered in blocks of 2 KiB, gaps included.
      H5Pset_small_data_block_size(access.identifier, 0) >= 0,
      let file = HDF5Handle.file(
        unsafe H5Fcreate(path, 2, creation.identifier, access.identifier))
    else {
      throw CheckpointError(
        .inputOutput, file: path, "libhdf5 cannot create it: \(HDF5Library.takeError())")
    }
    self.file = file
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
      try makeGroups(to: group.path)
      guard objects.insert(group.path).inserted else {
        throw failure(.inconsistent, group.path, nil, "the plan names the group twice")
      }
      guard
        let object = HDF5Handle.object(
          unsafe H5Oopen(file.identifier, group.path.string.isEmpty ? "/" : group.path.string, 0))
      else { throw failure(.inputOutput, group.path) }
      for attribute in group.attributes { try write(attribute, to: object, at: group.path) }
    }
    var offsets: [Int] = []
    for dataset in plan.datasets { offsets.append(try make(dataset)) }
    for link in plan.hardLinks { try make(link) }
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

  private func makeGroups(to path: ExactName) throws(CheckpointError) {
    var current = ""
    for component in try components(path) {
      current += current.isEmpty ? component : "/" + component
      guard taken.insert(ExactName(current)).inserted else { continue }
      guard let properties = HDF5Handle.properties(weighbridge_hdf5_group_creation()),
        H5Pset_obj_track_times(properties.identifier, false) >= 0,
        let links = try linkProperties(current),
        HDF5Handle.object(
          unsafe H5Gcreate2(
            file.identifier, current, links.identifier, properties.identifier, 0)) != nil
      else { throw failure(.inputOutput, ExactName(current)) }
    }
  }

  private func parent(of path: ExactName) throws(CheckpointError) -> ExactName {
    ExactName(try components(path).dropLast().joined(separator: "/"))
  }

  /// Link names are marked as UTF-8 only where they have to be: the mark needs groups of the newer form, which old
  /// readers do not know. h5py does the same.
  private func linkProperties(_ path: String) throws(CheckpointError) -> HDF5Handle? {
    guard let properties = HDF5Handle.properties(weighbridge_hdf5_link_creation()) else {
      return nil
    }
    if !path.utf8.allSatisfy({ $0 < 0x80 }) {
      guard H5Pset_char_encoding(properties.identifier, H5T_CSET_UTF8) >= 0 else { return nil }
    }
    return properties
  }

  private func take(_ path: ExactName) throws(CheckpointError) {
    try makeGroups(to: parent(of: path))
    guard taken.insert(path).inserted else {
      throw failure(.inconsistent, path, nil, "the plan uses the path twice")
    }
  }

  // MARK: Objects

  private func make(_ dataset: HDF5Plan.Dataset) throws(CheckpointError) -> Int {
    try take(dataset.path)
    guard let type = HDF5Handle.stored(dataset.dtype, dataset.byteOrder) else {
      throw failure(
        .unsupported, dataset.path, nil,
        "HDF5 has no form for elements of type \(dataset.dtype) (\(dataset.byteOrder)-endian)")
    }
    guard let space = HDF5Handle.dataspace(dataset.shape),
      let properties = HDF5Handle.properties(weighbridge_hdf5_dataset_creation()),
      H5Pset_layout(properties.identifier, H5D_CONTIGUOUS) >= 0,
      H5Pset_alloc_time(properties.identifier, H5D_ALLOC_TIME_EARLY) >= 0,
      H5Pset_fill_time(properties.identifier, H5D_FILL_TIME_NEVER) >= 0,
      H5Pset_obj_track_times(properties.identifier, false) >= 0,
      let links = try linkProperties(dataset.path.string),
      let object = HDF5Handle.object(
        unsafe H5Dcreate2(
          file.identifier, dataset.path.string, type.identifier, space.identifier,
          links.identifier, properties.identifier, 0))
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
    try take(link.path)
    let target = link.target.string.isEmpty ? "/" : link.target.string
    guard let links = try linkProperties(link.path.string),
      unsafe H5Lcreate_hard(
        file.identifier, target, file.identifier, link.path.string, links.identifier, 0) >= 0
    else { throw failure(.inputOutput, link.path) }
  }
}
