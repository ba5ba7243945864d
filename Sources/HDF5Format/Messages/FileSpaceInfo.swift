internal import CheckpointBytes

/// How the free space of a file is managed (HDF5 specification IV.A.2.x). A reader has no use for it; a file in whose
/// superblock extension it is damaged is one that no library opens.
struct FileSpaceInfo {
  init(_ body: ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    let field = "file space information"
    var body = body
    let version = try body.readVersion(0...1, field)
    let strategy = try body.readByte(field)
    if version == 0 {
      try body.skip(form.lengthByteCount, field)
      if strategy == 1 { try body.skip(6 * form.addressByteCount, field) }
    } else {
      let isPersistent = try body.readByte(field) != 0
      try body.skip(2 * form.lengthByteCount + 2 + form.addressByteCount, field)
      if isPersistent { try body.skip(12 * form.addressByteCount, field) }
    }
  }
}
