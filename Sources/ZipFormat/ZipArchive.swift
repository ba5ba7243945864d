package import CheckpointBytes

/// A ZIP archive open for reading (PKWARE APPNOTE 6.3.10).
///
/// ```
/// local header, name, extra │ data │ (data descriptor) │ next member …
/// central directory: one entry a member
/// (zip64 end record, zip64 locator) end record, comment
/// ```
///
/// The central directory is read at once and believed; the local header of a member is held against it when the member
/// is first used. Refused: anything behind the end record, split archives, encrypted members, methods other than stored
/// and deflated, names that occur twice, members that overlap, sizes that cannot be.
package struct ZipArchive: Sendable {
  /// The file.
  package let file: SourceFile
  /// The members, in the order of the central directory.
  package let members: [ZipMember]

  private let indices: [ExactName: Int]

  /// Reads the central directory. No member is touched.
  ///
  /// - Throws: `truncated` if no end record is there, `malformed`, `unsupported` or `limitExceeded` with the place of
  ///   the record that is refused.
  package init(_ file: SourceFile, limits: ReadLimits = ReadLimits()) throws(CheckpointError) {
    let end = try EndOfCentralDirectory(file)
    let members = try CentralDirectory(end, in: file, limits: limits).members
    var indices: [ExactName: Int] = [:]
    indices.reserveCapacity(members.count)
    for (index, member) in members.enumerated() {
      guard indices.updateValue(index, forKey: member.name) == nil else {
        throw CheckpointError(
          .malformed, file: file.path, offset: member.headerOffset, field: "central directory",
          "member \(quoted(member.name.string)) occurs twice")
      }
    }
    self.file = file
    self.members = members
    self.indices = indices
  }

  /// The member of a name, compared by bytes.
  package subscript(name: ExactName) -> ZipMember? {
    indices[name].map { members[$0] }
  }
}

// MARK: Content

extension ZipArchive {
  /// Where a member's data begins in the file.
  ///
  /// - Throws: `malformed` if the local header contradicts the central directory.
  package func dataOffset(of member: ZipMember) throws(CheckpointError) -> Int {
    member.headerOffset + (try LocalHeader(member, in: file).length)
  }

  /// A member's content as a byte source: a range of the file if it is stored, inflated on the way otherwise.
  ///
  /// A stored member is compared with its checksum by `verifyIntegrity()`, an inflated one whenever its end is read. The
  /// local header of a stored member is read and compared with the directory when its content is first read.
  /// - Throws: `malformed` if the local header of a deflated member contradicts the central directory.
  package func source(of member: ZipMember) throws(CheckpointError) -> any ByteSource {
    switch member.method {
    case .stored: return StoredMember(member, in: file)
    case .deflated:
      return InflatedMember(member, dataOffset: try dataOffset(of: member), in: file)
    }
  }

  /// A member's whole content, compared with its checksum unless none was recorded.
  ///
  /// - Throws: `limitExceeded` if there are more than `limit` bytes, before any is read; `mismatch` if the checksum is
  ///   another; `malformed` or `truncated` if it cannot be inflated.
  package func bytes(of member: ZipMember, limit: Int) throws(CheckpointError) -> [UInt8] {
    guard member.byteCount <= limit else {
      throw CheckpointError(
        .limitExceeded, file: file.path, member: member.name.string,
        "has \(member.byteCount) bytes, at most \(limit) are read")
    }
    switch member.method {
    case .stored:
      let bytes = try file.bytes(at: try dataOffset(of: member), count: member.byteCount)
      try member.check(CRC32.checksum(bytes), in: file)
      return bytes
    case .deflated:
      let source = InflatedMember(member, dataOffset: try dataOffset(of: member), in: file)
      let bytes = try source.bytes(at: 0, count: member.byteCount)
      try source.verifyIntegrity()
      return bytes
    }
  }
}

extension ZipMember {
  /// Compares a checksum with the recorded one; a recorded 0 stands for none.
  func check(_ found: UInt32, in file: SourceFile) throws(CheckpointError) {
    guard crc32 == 0 || found == crc32 else {
      throw CheckpointError(
        .mismatch, file: file.path, member: name.string, field: "CRC-32",
        "expected \(hexadecimal(crc32)), found \(hexadecimal(found)): the data is damaged")
    }
  }
}

private func hexadecimal(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
