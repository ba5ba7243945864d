internal import CheckpointBytes
internal import HDF5Format
internal import TensorValues

extension ContentWalk {
  // MARK: .npy

  mutating func examineArray(_ content: ScannedContent) throws(CheckpointError) {
    let header: NumpyHeader
    do {
      header = try NumpyHeader(content.source)
    } catch {
      add(
        error.located(
          file: content.place.file, member: content.place.member, base: content.place.base))
      return search(try content.prefix(ContentWalk.contentBytes), content)
    }
    guard header.dataOffset < content.byteCount else { return }
    let body = try content.part(header.dataOffset..<content.byteCount)
    guard let byteCount = header.byteCount else { return try examinePickles(body) }
    guard byteCount <= body.byteCount else {
      return add(
        content.place.problem(
          .truncated, field: "npy array", "expected \(byteCount) bytes, found \(body.byteCount)"))
    }
    guard byteCount < body.byteCount else { return }
    pending.append(try body.part(byteCount..<body.byteCount))
  }

  // MARK: HDF5

  /// What an HDF5 file holds beside numbers: attributes as they are read, for configurations, and all bytes of the
  /// file that are no data set's elements, for pickles: attributes of any type, variable-length data, unused space.
  mutating func examineHDF5(_ content: ScannedContent) throws(CheckpointError) {
    try guessBeginning(of: content)
    let description: HDF5Description
    do {
      description = try content.withPath { (file) throws(CheckpointError) in
        try HDF5Description(file, limits: limits)
      }
    } catch {
      add(content.place.problem(error))
      return search(try content.prefix(ContentWalk.contentBytes), content)
    }
    for refusal in description.refusals { add(content.place.problem(refusal.reason)) }
    for group in description.groups { examine(group.attributes, of: group.path, content.place) }
    var numbers: [Range<Int>] = []
    for dataset in description.datasets {
      examine(dataset.attributes, of: dataset.path, content.place)
      switch dataset.elementType {
      case .number, .opaque: try examine(dataset, of: description, content, &numbers)
      case .unsupported(let words):
        // What has no length of its own lies in the file as it is, and is searched there.
        guard !words.hasPrefix("variable-length") else { continue }
        add(
          content.place.inside(dataset.path.string)
            .problem(.unsupported, field: "elements", "are of type \(words)"))
      }
    }
    try searchBeside(numbers, content)
  }

  private mutating func examine(
    _ attributes: [HDF5Attribute], of path: ExactName, _ place: ScannedContent.Place
  ) {
    for attribute in attributes {
      let place = place.inside("/\(path.string) attribute \(quoted(attribute.name.string))")
      switch attribute.value {
      case .string(let text): examineValue(Array(text.utf8), place)
      case .bytes(let bytes), .array(_, _, let bytes): examineValue(bytes, place)
      case .list(let elements):
        for case .string(let text) in elements { examineValue(Array(text.utf8), place) }
      case .object(let object) where object.type == "hdf5.unreadable":
        add(place.problem(.malformed, field: "attribute", "cannot be read"))
      default: break
      }
    }
  }

  /// A value that programs take up as it is, for JSON or for a pickle (PyTables).
  private mutating func examineValue(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    if !examineJSON(bytes, place) { walkIfPickle(bytes, place) }
  }

  /// A data set of numbers: its elements are left alone, unless they are single bytes, in which some programs keep
  /// pickles.
  private mutating func examine(
    _ dataset: HDF5Dataset, of description: HDF5Description, _ content: ScannedContent,
    _ numbers: inout [Range<Int>]
  ) throws(CheckpointError) {
    switch dataset.storage {
    case .contiguous(let offset, let count): numbers.append(offset..<(offset + count))
    case .chunked(let chunks):
      numbers += chunks.chunks.map { $0.offset..<($0.offset + $0.byteCount) }
    case .compact, .unallocated: break
    }
    let isOpaque = if case .opaque = dataset.elementType { true } else { false }
    guard isOpaque || dataset.elementByteCount == 1, dataset.byteCount > 0 else { return }
    let member = content.place.inside(dataset.path.string)
    do throws(CheckpointError) {
      // Of gigabytes no more is read than it takes to know.
      try content.withPath { (file) throws(CheckpointError) in
        let source = try description.source(of: dataset, in: file, limits: limits)
        try guessBeginning(
          of: ScannedContent(source, at: member, name: nil, depth: content.depth + 1))
      }
    } catch {
      add(member.problem(error))
    }
  }

  /// What has no length of its own lies in global heaps (HDF5 specification III.E), from where programs take each value up by
  /// itself: pickles, in PyTables' arrays of objects.
  private mutating func examineHeaps(in bytes: [UInt8], _ place: ScannedContent.Place) {
    let signature = Array("GCOL".utf8)
    var position = 0
    while let found = bytes.index(of: signature, from: position) {
      position = found + signature.count
      // How many bytes a length has is the file's to say; what is read with another one is no value.
      for width in [8, 4, 2] {
        var start = found + 8 + width
        while start + 8 + width <= bytes.count {
          let head = bytes[start..<(start + 8 + width)]
          let count = head.suffix(width).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
          start += 8 + width
          guard head.prefix(2) != [0, 0], count > 0, count <= UInt64(bytes.count - start) else {
            break
          }
          var value = place
          value.base += start
          walkIfPickle(Array(bytes[start..<(start + Int(count))]), value)
          start += (Int(count) + 7) / 8 * 8
        }
      }
    }
  }

  private mutating func searchBeside(
    _ numbers: [Range<Int>], _ content: ScannedContent
  ) throws(CheckpointError) {
    var position = 0
    var searched = 0
    let ends =
      numbers.sorted { $0.lowerBound < $1.lowerBound } + [content.byteCount..<content.byteCount]
    for range in ends {
      let end = min(range.lowerBound, content.byteCount)
      if position < end {
        let count = min(end - position, ContentWalk.contentBytes - searched)
        if count < end - position {
          add(
            content.place.problem(
              .limitExceeded, "only \(ContentWalk.contentBytes) bytes beside the data were searched"
            ))
        }
        let part = try content.part(position..<(position + count))
        let bytes = try part.source.bytes(at: 0, count: count)
        search(bytes, part)
        examineHeaps(in: bytes, part.place)
        searched += count
      }
      position = max(position, min(range.upperBound, content.byteCount))
    }
  }
}
