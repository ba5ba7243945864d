import CheckpointBytes

/// Something that reads bytes from strangers, and what must hold of it whatever they are.
enum FuzzTarget: String, CaseIterable {
  /// What is read and written again is read as the same.
  case json
  /// The layout made of a header's tensors is read as the same tensors.
  case safetensors
  /// A pickle that the strict machine takes is walked to its end by the tolerant scan.
  case pickle
  /// Members that can be read can be written to another archive and read from it.
  case zip
  /// A checkpoint that opens can be listed, and its weights read whole or refused. HDF5 is left out.
  case checkpoint
  /// Streams of bzip2, xz, LZMA and LZ4 give what they hold, and no more than is allowed.
  case streams
  /// A scan of any file ends, and what it calls data has nothing unknown in it. HDF5 is left out.
  case scan
  /// A tokenizer that can be read encodes any text, and decodes what it has encoded.
  case tokenizer
  /// Weights under any names with any settings are laid out, loaded and run, or refused.
  case model
  /// Examples to learn from are read, become tokens with labels, or are refused with their line.
  case examples
  /// Rows of an Arrow stream are made of its bytes, each once, or are refused.
  case arrow
  /// An adapter that opens is described and put on a model, or refused; what comes out is the same in parts.
  case adapter
  /// A pattern over names says the same however it is written, and takes no name long.
  case pattern
  /// The same as for a checkpoint, for HDF5 alone, which has seeds of its own.
  case hdf5

  /// Runs one input. A property that does not hold ends the process, which is how libFuzzer learns of it.
  func test(_ bytes: [UInt8]) {
    switch self {
    case .json: fuzzJSON(bytes)
    case .safetensors: fuzzSafetensors(bytes)
    case .pickle: fuzzPickle(bytes)
    case .zip: fuzzZip(bytes)
    case .checkpoint: if !isHDF5(bytes) { fuzzCheckpoint(bytes) }
    case .streams: fuzzStreams(bytes)
    case .scan: if !isHDF5(bytes) { fuzzScan(bytes) }
    case .tokenizer: fuzzTokenizer(bytes)
    case .model: fuzzModel(bytes)
    case .examples: fuzzExamples(bytes)
    case .arrow: fuzzArrow(bytes)
    case .adapter: fuzzAdapter(bytes)
    case .pattern: fuzzPattern(bytes)
    case .hdf5: if isHDF5(bytes) { fuzzCheckpoint(bytes) }
    }
  }
}

/// Ends the process unless a property holds.
func expect(
  _ condition: @autoclosure () -> Bool, _ property: String, file: StaticString = #file,
  line: UInt = #line
) {
  guard condition() else { fatalError(property, file: file, line: line) }
}

/// What must hold of every refusal: one line that says something.
func expectReadable(_ error: CheckpointError) {
  let message = error.description
  expect(!message.isEmpty && message.utf8.allSatisfy { $0 >= 0x20 }, "a message is one line")
  expect(message.unicodeScalars.count < 4000, "a message is short")
}

/// As ``expectReadable(_:)``, and the place lies in the input or at its end.
func expectReadable(_ failure: ParseFailure, in count: Int) {
  expectReadable(failure.located(file: "input"))
  if let offset = failure.offset {
    expect((0...count).contains(offset), "the offset lies in the input")
  }
}
