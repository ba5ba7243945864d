package import CheckpointBytes

/// Writes a pickle opcode by opcode, in protocol 2: the newest that `torch.load(weights_only=True)` reads (torch 2.13,
/// `torch/_weights_only_unpickler.py`).
///
/// The writer keeps no stack and checks no grammar: whoever calls it writes values in the order in which the pickle
/// machine needs them. The same calls give the same bytes. Opcodes are those of Python's `pickletools`; only such are
/// used as torch's restricted reader knows.
package struct PickleWriter: Sendable {
  /// The pickle so far.
  package private(set) var bytes: [UInt8] = [0x80, 2]

  private var memo: [ExactName: UInt32] = [:]

  /// A pickle with nothing but its protocol.
  package init() {}

  /// The most pairs or elements between a `MARK` and its `SETITEMS` or `APPENDS`, as Python's pickler has it: the
  /// reader holds one batch on its stack.
  package static let batchCount = 1_000

  private mutating func write(_ opcode: Opcode) {
    bytes.append(opcode.rawValue)
  }

  private mutating func writeLittleEndian(_ number: some FixedWidthInteger) {
    for shift in stride(from: 0, to: number.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }
}

// MARK: Atoms

extension PickleWriter {
  /// `NONE`
  package mutating func writeNone() { write(.none) }

  /// `NEWTRUE` or `NEWFALSE`
  package mutating func write(boolean: Bool) { write(boolean ? .newTrue : .newFalse) }

  /// The shortest of `BININT1`, `BININT2`, `BININT` and `LONG1`.
  package mutating func write(integer: Int64) {
    if let byte = UInt8(exactly: integer) {
      write(.binInt1)
      bytes.append(byte)
    } else if let short = UInt16(exactly: integer) {
      write(.binInt2)
      writeLittleEndian(short)
    } else if let word = Int32(exactly: integer) {
      write(.binInt)
      writeLittleEndian(word)
    } else {
      write(.long1)
      let digits = PickleWriter.shortest(integer.littleEndianBytes)
      bytes.append(UInt8(digits.count))
      bytes.append(contentsOf: digits)
    }
  }

  /// `LONG1`: an integer as little-endian two's complement.
  ///
  /// - Throws: `limitExceeded` if it takes more than 255 bytes; torch's restricted reader has no longer form.
  package mutating func write(bigInteger: [UInt8]) throws(ParseFailure) {
    let digits = PickleWriter.shortest(bigInteger)
    guard let count = UInt8(exactly: digits.count) else {
      throw ParseFailure(
        .limitExceeded, at: bytes.count, "LONG1",
        "an integer of \(digits.count) bytes, at most 255 can be written")
    }
    write(.long1)
    bytes.append(count)
    bytes.append(contentsOf: digits)
  }

  /// Two's complement without the leading bytes that only repeat the sign; 0 is no byte at all.
  private static func shortest(_ digits: [UInt8]) -> ArraySlice<UInt8> {
    var digits = digits[...]
    while let top = digits.last, top == 0 || top == 0xFF {
      guard let next = digits.dropLast().last else {
        if top == 0 { digits = [] }
        break
      }
      guard (next >= 0x80) == (top == 0xFF) else { break }
      digits.removeLast()
    }
    return digits
  }

  /// `BINFLOAT`: the bits as they are, NaN's payload included.
  package mutating func write(float: Double) {
    write(.binFloat)
    writeLittleEndian(float.bitPattern.byteSwapped)
  }

  /// `BINUNICODE`
  ///
  /// - Throws: `limitExceeded` if the text takes 4 GiB or more.
  package mutating func write(text: String) throws(ParseFailure) {
    guard let count = UInt32(exactly: text.utf8.count) else {
      throw ParseFailure(
        .limitExceeded, at: bytes.count, "BINUNICODE", "a text of 4 GiB or more cannot be written")
    }
    write(.binUnicode)
    writeLittleEndian(count)
    bytes.append(contentsOf: text.utf8)
  }

  /// Text that occurs often: written once, then fetched from the memo.
  ///
  /// - Throws: `limitExceeded` if the text takes 4 GiB or more.
  package mutating func write(sharedText text: String) throws(ParseFailure) {
    // The line break keeps texts apart from globals, whose module name is never empty.
    if fetch(ExactName("\n" + text)) { return }
    try write(text: text)
    remember(ExactName("\n" + text))
  }

  /// `GLOBAL`: a class or function by module and name; fetched from the memo when it was written before.
  ///
  /// - Throws: `malformed` if a name contains a line break, which ends it in the pickle.
  package mutating func write(global name: String, in module: String) throws(ParseFailure) {
    guard !module.isEmpty, !(module + name).utf8.contains(0x0A) else {
      throw ParseFailure(
        .malformed, at: bytes.count, "GLOBAL", "\(quoted(module)) \(quoted(name)) cannot be written"
      )
    }
    let line = module + "\n" + name
    if fetch(ExactName(line)) { return }
    write(.global)
    bytes.append(contentsOf: (line + "\n").utf8)
    remember(ExactName(line))
  }

  private mutating func fetch(_ key: ExactName) -> Bool {
    guard let index = memo[key] else { return false }
    if let short = UInt8(exactly: index) {
      write(.binGet)
      bytes.append(short)
    } else {
      write(.longBinGet)
      writeLittleEndian(index)
    }
    return true
  }

  private mutating func remember(_ key: ExactName) {
    guard let index = UInt32(exactly: memo.count) else { return }
    memo[key] = index
    if let short = UInt8(exactly: index) {
      write(.binPut)
      bytes.append(short)
    } else {
      write(.longBinPut)
      writeLittleEndian(index)
    }
  }
}

// MARK: Containers and calls

extension PickleWriter {
  /// `MARK`
  package mutating func writeMark() { write(.mark) }
  /// `EMPTY_DICT`
  package mutating func writeEmptyDictionary() { write(.emptyDict) }
  /// `EMPTY_LIST`
  package mutating func writeEmptyList() { write(.emptyList) }
  /// `SETITEM`: a key and a value go into the dictionary below them.
  package mutating func writeSetItem() { write(.setItem) }
  /// `APPEND`: a value goes into the list below it.
  package mutating func writeAppend() { write(.append) }
  /// `SETITEMS`: the pairs since the mark go into the dictionary below it.
  package mutating func writeSetItems() { write(.setItems) }
  /// `APPENDS`: the values since the mark go into the list below it.
  package mutating func writeAppends() { write(.appends) }
  /// `REDUCE`: a callable and a tuple of arguments become the result.
  package mutating func writeReduce() { write(.reduce) }
  /// `BUILD`: a state is given to the object below it.
  package mutating func writeBuild() { write(.build) }
  /// `BINPERSID`: the tuple on the stack becomes what it stands for.
  package mutating func writePersistentIdentifier() { write(.binPersID) }
  /// `STOP`: the end of the pickle.
  package mutating func writeStop() { write(.stop) }

  /// Begins a tuple of `count` values, which follow: `MARK`, where the tuple has no opcode for its length.
  package mutating func beginTuple(count: Int) {
    if count > 3 { write(.mark) }
  }

  /// Ends a tuple: `EMPTY_TUPLE`, `TUPLE1` to `TUPLE3`, or `TUPLE`.
  package mutating func endTuple(count: Int) {
    switch count {
    case 0: write(.emptyTuple)
    case 1: write(.tuple1)
    case 2: write(.tuple2)
    case 3: write(.tuple3)
    default: write(.tuple)
    }
  }

  /// A tuple of integers.
  package mutating func writeTuple(integers: [Int]) {
    beginTuple(count: integers.count)
    for integer in integers { write(integer: Int64(integer)) }
    endTuple(count: integers.count)
  }
}
