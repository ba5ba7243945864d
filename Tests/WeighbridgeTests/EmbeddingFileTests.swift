import TestSupport
import Testing
import Weighbridge

@Suite("Files of vectors")
struct EmbeddingFileTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func bytes(_ name: String) throws -> [UInt8] {
    let file = try SourceFile(path: directory.file(name))
    return try file.bytes(at: 0, count: file.size)
  }

  private func write(
    _ name: String, _ format: VectorFormat, ids: [JSONValue?], rowsPerFile: Int? = nil,
    precision: EmbeddingPrecision = .float32
  ) throws {
    let file = try EmbeddingFile(
      path: directory.file(name), format: format, precision: precision, rowsPerFile: rowsPerFile)
    for (row, id) in ids.enumerated() { try file.append([Float(row), 1, -2], id: id) }
    try file.commit()
  }

  @Test("Tables begin and end as their formats say, and hold the numbers as they are")
  func tables() throws {
    let numbers = EmbeddingPrecision.float32.bytes(of: [0, 1, -2, 1, 1, -2])
    for (format, start, end) in [
      (VectorFormat.arrow, "ARROW1", "ARROW1"), (.parquet, "PAR1", "PAR1"),
    ] {
      try write("out", format, ids: [7, 8].map { .integer($0) })
      let found = try bytes("out")
      #expect(found.starts(with: Array(start.utf8)))
      #expect(found.suffix(end.utf8.count) == Array(end.utf8)[...])
      #expect(found.contains(numbers))
    }
    try write("out", .arrows, ids: ["a", "b"].map { .string($0) })
    let stream = try bytes("out")
    #expect(stream.starts(with: [0xFF, 0xFF, 0xFF, 0xFF]))
    #expect(stream.suffix(8) == [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
    #expect(stream.contains(Array("ab".utf8)) && stream.contains(numbers))
    // Each message begins at a multiple of 8, so that readers may map the file.
    #expect(stream.count % 8 == 0)
  }

  @Test("Ids of two types are refused, and nothing is left")
  func ids() throws {
    let mixed: [([JSONValue?], Int)] = [
      ([.integer(1), .string("b")], 1), ([.string("a"), nil], 1), ([.null, nil], 0),
      // The place of a row beside numbers that were given could be one of them.
      ([.integer(1), nil], 1), ([nil, .integer(2)], 1), ([.double(1.5)], 0), ([.boolean(true)], 0),
    ]
    for (ids, row) in mixed {
      let error = #expect(throws: CheckpointError.self) {
        try write("out.parquet", .parquet, ids: ids)
      }
      #expect(error?.kind == .inconsistent && error?.site.field == "id of row \(row)")
      #expect(try PathKind(path: directory.file("out.parquet")) == .nothing)
      // Numbered files are one table.
      #expect(throws: CheckpointError.self) {
        try write("part.parquet", .parquet, ids: ids, rowsPerFile: 1)
      }
    }
    try write("v.npy", .npy, ids: [.integer(1), nil])
  }

  @Test("Steps of several runs are those of one, if the ranges of all are given")
  func ranges() throws {
    let vectors: [[Float]] = (0..<9).map { row in [Float(row * row), -Float(row) / 3, 1] }
    func write(
      _ name: String, _ rows: Range<Int>, _ precision: EmbeddingPrecision,
      ranges: EmbeddingRanges? = nil, rangesPath: String? = nil
    ) throws -> [UInt8] {
      let file = try EmbeddingFile(
        path: directory.file(name), format: .npy, precision: precision, ranges: ranges,
        rangesPath: rangesPath.map { directory.file($0) })
      for row in rows { try file.append(vectors[row]) }
      try file.commit()
      return Array(try bytes(name).dropFirst(128))
    }
    for precision in [EmbeddingPrecision.int8, .uint8] {
      let whole = try write("whole.npy", 0..<9, precision)
      var all = EmbeddingRanges()
      for (name, rows) in [("a", 0..<4), ("b", 4..<8), ("c", 8..<9)] {
        // A single vector has a range that is told, and none that could be divided.
        _ = try write("float.npy", rows, .float32, rangesPath: name + ".safetensors")
        try all.merge(EmbeddingRanges(opening: directory.file(name + ".safetensors")))
      }
      #expect(all.least == [0, -8 / 3, 1] && all.greatest == [64, 0, 1])
      let parts = try [0..<4, 4..<8, 8..<9].flatMap { rows in
        try write("part.npy", rows, precision, ranges: all)
      }
      #expect(parts == whole)
    }
    #expect(try Directory.names(in: directory.path).allSatisfy { !$0.contains("float32") })
    var narrow = EmbeddingRanges()
    narrow.insert([1, 2])
    #expect(throws: CheckpointError(.mismatch, field: "ranges", "")) {
      _ = try write("part.npy", 0..<2, .int8, ranges: narrow)
    }
    #expect(throws: CheckpointError(.mismatch, field: "ranges", "")) {
      try narrow.merge(EmbeddingRanges(opening: directory.file("a.safetensors")))
    }
    let other = Fixtures.path("tiny-bert/model.safetensors")
    #expect(throws: CheckpointError(.notFound, file: other, tensor: "ranges", "")) {
      try EmbeddingRanges(opening: other)
    }
  }

  @Test("Numbered files are in the order of their names, and replace what an earlier run left")
  func parts() throws {
    try write("v.npy", .npy, ids: Array(repeating: nil, count: 7), rowsPerFile: 2)
    #expect(try bytes("v-00003.npy").count == 128 + 12)
    try write("v.npy", .npy, ids: Array(repeating: nil, count: 4), rowsPerFile: 2)
    #expect(try Directory.names(in: directory.path) == ["v-00000.npy", "v-00001.npy"])
    #expect(
      Array(try bytes("v-00001.npy").suffix(24))
        == EmbeddingPrecision.float32.bytes(of: [2, 1, -2, 3, 1, -2]))
  }

  @Test("A run that fails leaves whole files of its own, and none of an earlier run beside them")
  func failedParts() throws {
    try write("v.parquet", .parquet, ids: (0..<8).map { .integer($0) }, rowsPerFile: 2)
    #expect(throws: CheckpointError.self) {
      try write(
        "v.parquet", .parquet, ids: (0..<5).map { .integer($0) } + [.string("a")], rowsPerFile: 2)
    }
    #expect(
      try Directory.names(in: directory.path) == ["v-00000.parquet", "v-00001.parquet"])
  }
}

extension [UInt8] {
  fileprivate func contains(_ part: [UInt8]) -> Bool {
    indices.contains { self[$0...].starts(with: part) }
  }
}
