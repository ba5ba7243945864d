/// A superblock of version 0 (HDF5 specification II.A), as ``Superblock`` reads it.
struct SuperblockDraft {
  /// The address of the root group's header.
  let rootAddress: Int
  /// Where the root's symbol table is; nil if it has none.
  let rootTable: SymbolTableDraft.Place?
  /// The size of the file.
  let endOfFile: Int

  static let byteCount = 96

  func write(to buffer: inout StructureBuffer) {
    buffer.append(Superblock.signature)
    // The versions of the superblock, the free space, the root group; nothing; that of shared messages.
    buffer.append(zeros: 5)
    // The bytes of addresses and lengths.
    buffer.append([8, 8, 0])
    buffer.append(UInt16(SymbolTableDraft.leafRank))
    buffer.append(UInt16(SymbolTableDraft.treeRank))
    buffer.append(0 as UInt32)
    buffer.append(address: 0)
    // Free space, then driver information.
    buffer.append(address: nil)
    buffer.append(address: endOfFile)
    buffer.append(address: nil)
    SymbolTableDraft.Entry(nameOffset: 0, headerAddress: rootAddress, table: rootTable)
      .write(to: &buffer)
  }
}
