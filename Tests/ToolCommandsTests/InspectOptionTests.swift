import CheckpointBytes
import Foundation
import TestSupport
import Testing

@Suite("Looking into a checkpoint")
struct InspectOptionTests {
  private let model = Fixtures.path("tiny-bert/model.safetensors")

  private func json(_ arguments: String...) throws -> JSONValue {
    let run = ToolRun(arguments: ["inspect", "--json"] + arguments)
    #expect(run.code == 0, "\(run.error)")
    return try JSONValue(parsing: Array(run.output.utf8), context: "output")
  }

  @Test("--include, --sort and --limit say what is shown, and in what order")
  func selection() throws {
    let document = try json(
      model, "--include", "*.weight", "--include", "cls.*", "--sort", "size", "--limit", "3")
    let tensors = document["tensors"]?.elements ?? []
    #expect(
      tensors.compactMap { $0["name"]?.string } == [
        "bert.embeddings.word_embeddings.weight",
        "bert.encoder.layer.0.intermediate.dense.weight",
        "bert.encoder.layer.0.output.dense.weight",
      ])
    // The totals are those of the file.
    #expect(document["totals"]?["tensors"]?.integer == 42)
    let text = ToolRun("inspect", model, "--include", "cls.*", "--limit", "1").output
    #expect(text.contains("… and 4 more (--limit)"), "\(text)")
    let refused = ToolRun("inspect", model, "--include", "nothing.*")
    #expect(refused.code == 65)
    #expect(refused.error.contains("the pattern 'nothing.*' matches no tensor"))
  }

  @Test("What a file may ask for is bounded here as elsewhere")
  func bounds() {
    let run = ToolRun("inspect", model, "--read-limit", "tensor-count=5")
    #expect(run.code == 65 && run.error.contains("more than 5 tensors"), "\(run.error)")
    #expect(ToolRun("inspect", model, "--read-limit", "5").code == 64)
    let other = ToolRun("scan", model, "--limit", "tensor-count=5")
    #expect(other.code == 64 && other.error.contains("use --read-limit"), "\(other.error)")
    #expect(other.error.contains("inspect has it for what is shown"), "\(other.error)")
  }

  @Test("--stats are the numbers that can be computed by hand")
  func statistics() throws {
    let directory = try TemporaryDirectory()
    let values: [Float] = [1, 2, 3, 4, .nan, .infinity, 0, -2]
    let path = try directory.write(
      SafetensorsBytes.of([("w", [2, 4], values), ("empty", [0], [])]), as: "a.safetensors")
    let tensors = try json(path, "--stats")["tensors"]?.elements ?? []
    let found = try #require(tensors.first { $0["name"]?.string == "w" }?["statistics"])
    #expect(found["min"] == .double(-2) && found["max"] == .double(4))
    #expect(found["nan"]?.integer == 1 && found["infinite"]?.integer == 1)
    #expect(found["zero"]?.integer == 1 && found["finite"]?.integer == 6)
    // 1, 2, 3, 4, 0, -2: the mean is 8/6, the mean of the squares 34/6.
    #expect(abs((found["mean"]?.decimal ?? 0) - 8.0 / 6) < 1e-12)
    let variance = 34.0 / 6 - (8.0 / 6) * (8.0 / 6)
    #expect(abs((found["std"]?.decimal ?? 0) - variance.squareRoot()) < 1e-12)
    let histogram = found["histogram"]?.elements?.compactMap(\.integer) ?? []
    #expect(histogram.count == 32 && histogram.reduce(0, +) == 6)
    #expect(histogram[0] == 1 && histogram[31] == 1)
    let text = ToolRun("inspect", path, "--stats").output
    #expect(text.contains("-2.000 … 4.000, mean 1.333, std 1.972"), "\(text)")
    #expect(text.contains("NaN 1, infinite 1"), "\(text)")
    #expect(text.contains("no values"), "\(text)")
    let odd = try directory.write(
      SafetensorsBytes.of([("w", [3], [.infinity, 0, 0]), ("zero", [2], [0, 0])]),
      as: "b.safetensors")
    let lines = ToolRun("inspect", odd, "--stats").output.split(separator: "\n")
    #expect(lines.contains { $0.hasSuffix("infinite 1, the others zero") }, "\(lines)")
    #expect(lines.count { $0.hasSuffix("all zero") } == 1, "\(lines)")
    // A tensor at the top of the tree has its statistics below it, too.
    let tree = ToolRun("inspect", odd, "--stats", "--tree").output.split(separator: "\n")
    #expect(tree.contains { $0.hasPrefix("  0.0 … 0.0, ") }, "\(tree)")
  }

  @Test("Of no finite value there are no extremes, and great ones have a spread")
  func oddStatistics() throws {
    let directory = try TemporaryDirectory()
    let none = try directory.write(
      SafetensorsBytes.of([("w", [2], [.nan, .infinity])]), as: "none.safetensors")
    let empty = try #require(try json(none, "--stats")["tensors"]?.elements?[0]["statistics"])
    for key: ExactName in ["min", "max", "mean", "std"] { #expect(empty[key] == .null) }
    // Two numbers of F32 are one of F64: 1, 2 and 3 times the power of two.
    for (name, power) in [("great", 1000.0), ("small", -1000.0), ("least", -1073.0)] {
      let unit = Double(sign: .plus, exponent: Int(power), significand: 1)
      let words = [unit, 2 * unit, 3 * unit].flatMap { number -> [Float] in
        let bits = number.bitPattern
        return [
          Float(bitPattern: UInt32(truncatingIfNeeded: bits)),
          Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32)),
        ]
      }
      let bytes = SafetensorsBytes.of([("w", [3], words)], dtype: "F64")
      let path = try directory.write(bytes, as: name + ".safetensors")
      let found = try #require(try json(path, "--stats")["tensors"]?.elements?[0]["statistics"])
      #expect(found["mean"] == .double(2 * unit))
      // Of the least numbers halves are none.
      if name == "least" { continue }
      let spread = (2.0 / 3).squareRoot()
      #expect(abs((found["std"]?.decimal ?? 0) / unit - spread) < 1e-12, "\(found)")
    }
  }

  @Test("Layers whose values are shown are not folded, nor with --verbose")
  func unfoldedTree() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      SafetensorsBytes.of([
        ("h.0.w", [1], [1]), ("h.0.b", [1], [1]), ("h.1.w", [1], [.nan]), ("h.1.b", [1], [1]),
      ]), as: "a.safetensors")
    let shown = ToolRun("inspect", path, "--tree", "--stats").output
    #expect(shown.contains("NaN 1") && !shown.contains("{0…1}"), "\(shown)")
    #expect(!ToolRun("inspect", path, "--tree", "--verbose").output.contains("{0…1}"))
    #expect(ToolRun("inspect", path, "--tree").output.contains("{0…1}"))
  }

  @Test("What orders the tensors of one source is no option of several")
  func severalSources() {
    for options in [["--sort", "size"], ["--limit", "1"]] {
      let run = ToolRun(arguments: ["inspect", model, model] + options)
      #expect(run.code == 64 && run.error.contains("of one source"), "\(run.error)")
      #expect(ToolRun(arguments: ["inspect", model, model, "--tree"] + options).code == 0)
    }
  }

  @Test("A value that stands out is counted and named with its place")
  func outliers() throws {
    let directory = try TemporaryDirectory()
    var values = [Float](repeating: 0, count: 1000).enumerated().map { Float($0.offset % 2) }
    values[137] = 1000
    let path = try directory.write(
      SafetensorsBytes.of([("w", [10, 100], values)]), as: "a.safetensors")
    let found = try #require(try json(path, "--stats")["tensors"]?.elements?[0]["statistics"])
    #expect(found["outliers"]?.integer == 1)
    #expect(found["furthest"]?.elements?.first?["index"]?.integer == 137)
    #expect(found["furthest"]?.elements?.first?["value"]?.decimal == 1000)
  }

  @Test("No name in a checkpoint is taken for a part of the page")
  func page() throws {
    let directory = try TemporaryDirectory()
    // A mark behind a sign, or a sign before it, makes one character of both; a browser reads scalars.
    let names = ["</script><b>", "\u{D4E}</script>", "<\u{301}/script>", "<!--", "&lt;"]
    let path = try directory.write(
      SafetensorsBytes.of(names.map { ($0, [1], [1]) }), as: "\u{D4E}<b>.safetensors")
    let page = directory.file("page.html")
    #expect(ToolRun("inspect", path, "--report", page).code == 0)
    let bytes = Array(try #require(FileManager.default.contents(atPath: page)))
    let html = String(decoding: bytes, as: UTF8.self).unicodeScalars
    // What is between two less-than signs begins with an element's name, up to the script's own.
    let elements = html.split(separator: "<").prefix { !$0.starts(with: "script>".unicodeScalars) }
    let expected = [
      "!doctype", "html", "head", "meta", "meta", "meta", "link", "title", "/title", "style",
      "/style", "/head", "body", "main", "noscript", "/noscript", "/main", "script", "/script",
    ]
    #expect(elements.map { String($0.prefix { !" >\n".unicodeScalars.contains($0) }) } == expected)
    let data = try #require(elements.first { $0.starts(with: "script type".unicodeScalars) })
    let start = try #require(data.firstIndex(of: ">"))
    let json = try JSONValue(
      parsing: Array(String(data[data.index(after: start)...]).utf8), context: page)
    let rows = try #require(json["sections"]?.elements?.first?["rows"]?.elements)
    #expect(Set(rows.compactMap { $0["c"]?.elements?.first?.string }) == Set(names))
  }

  @Test("--tree says what each part of the names holds, and folds layers that are alike")
  func tree() {
    let text = ToolRun("inspect", model, "--tree").output
    #expect(text.contains("├─ embeddings"), "\(text)")
    #expect(text.contains("layer.{0…1}") || text.contains("{0…1}"), "\(text)")
    #expect(text.contains("2 × 16 tensors"), "\(text)")
    #expect(ToolRun("inspect", model, "--tree", "--json").code == 64)
    #expect(text.contains("└─ cls.predictions") || text.contains("cls.predictions"), "\(text)")
  }

  @Test("Names that look like folded layers, or are one in Unicode's eyes, are parts of their own")
  func oddTree() throws {
    let directory = try TemporaryDirectory()
    let names = [
      "l.0.a", "l.0.b", "l.1.a", "l.1.b", "l.{0…1}.a", "l.{0…1}.b", "x.\u{E9}", "x.e\u{301}",
    ]
    let path = try directory.write(
      SafetensorsBytes.of(names.map { ($0, [1], [1]) }), as: "a.safetensors")
    for order in [[], ["--sort", "size"], ["--sort", "name"]] {
      let run = ToolRun(arguments: ["inspect", path, "--tree"] + order)
      #expect(run.code == 0, "\(run.error)")
      let lines = run.output.split(separator: "\n").map { line in
        String(line.drop { " ├─└│".contains($0) }.prefix { $0 != " " })
      }
      #expect(lines.count { $0 == "{0…1}" } == 2, "\(run.output)")
      #expect(lines.count { $0 == "\u{E9}" } == 2, "\(run.output)")
    }
  }

  @Test(
    "Names whose numbers are no layers', or the greatest there are, and names of any depth, are shown"
  )
  func oddNumbers() throws {
    let directory = try TemporaryDirectory()
    let (least, greatest) = ("-9223372036854775808", "9223372036854775807")
    let deep = Array(repeating: "a", count: 30_000).joined(separator: ".")
    for names in [
      ["l.\(greatest).a", "l.0.a", "l.1.a"],
      ["l.x.a", "l.x.b", "l.\(least).a", "l.\(least).b", "l.+0.a", "l.+0.b"],
      ["l.00.a", "l.00.b", "l.01.a", "l.01.b"], ["a", deep],
    ] {
      let path = try directory.write(
        SafetensorsBytes.of(names.map { ($0, [1], [1]) }), as: "\(names.count).safetensors")
      for options in [[], ["--tree"], ["--tree", "--stats"]] {
        let run = ToolRun(arguments: ["inspect", path] + options)
        #expect(run.code == 0 && !run.output.contains("{"), "\(names.count): \(run.error)")
      }
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test("A tree is sorted by the size of each part as a whole, or by name")
  func sortedTree() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      SafetensorsBytes.of([
        ("c", [6], [1, 2, 3, 4, 5, 6]), ("b.head", [5], [1, 2, 3, 4, 5]), ("b.layer.0.b", [1], [1]),
        ("b.layer.0.w", [2], [1, 2]), ("b.layer.1.b", [1], [3]), ("b.layer.1.w", [2], [4, 5]),
        ("a.x", [1], [1]),
      ]), as: "a.safetensors")
    func names(_ arguments: String...) -> [String] {
      let lines = ToolRun(arguments: ["inspect", path, "--tree"] + arguments).output
        .split(separator: "\n")
      return lines.drop { !$0.hasPrefix("tensor") }.dropFirst().map { line in
        String(line.drop { " ├─└│".contains($0) }.prefix { $0 != " " })
      }
    }
    // Two layers of 12 bytes are larger than one head of 20, and with it larger than 24, though each is smaller.
    #expect(
      names("--sort", "size") == ["b", "layer", "{0…1}", "w", "b", "head", "c", "a.x"])
    #expect(
      names("--sort", "name") == ["a.x", "b", "head", "layer", "{0…1}", "b", "w", "c"])
    #expect(names("--sort", "size", "--limit", "2") == ["c", "b.head", "…"])
    #expect(ToolRun("inspect", path, "--tree", "--sort", "dtype").code == 64)
  }

  @Test("What does not begin at a multiple of its numbers' size is said")
  func misaligned() throws {
    let directory = try TemporaryDirectory()
    // One byte more in the header, and everything behind it stands askew.
    let path = try directory.write(
      SafetensorsBytes.of([("w", [2], [1, 2])], padding: 1), as: "a.safetensors")
    let text = ToolRun("inspect", path).output
    #expect(text.contains("misaligned: 1 tensor does not begin at a multiple"), "\(text)")
    #expect(try json(path)["totals"]?["misaligned"]?.integer == 1)
    #expect(!ToolRun("inspect", model).output.contains("misaligned"))
  }

  @Test("What training leaves is one line, and told from the model in the head")
  func training() throws {
    let path = Fixtures.path("training/trained.pt")
    let text = ToolRun("inspect", path).output
    #expect(text.contains("of these the model: 8 tensors, 356 parameters, 1.42 KB"), "\(text)")
    #expect(text.contains("optimizer.*"), "\(text)")
    #expect(!text.contains("exp_avg"), "\(text)")
    #expect(ToolRun("inspect", path, "--verbose").output.contains("exp_avg"))
  }
}

/// Safetensors files of F32 tensors, byte by byte.
enum SafetensorsBytes {
  /// - Parameter dtype: What the bits of the values are called, of types of several words too.
  static func of(
    _ tensors: [(String, [Int], [Float])], dtype: String = "F32", padding: Int = 0
  ) -> [UInt8] {
    var header: [String] = []
    var data: [UInt8] = []
    for (name, shape, values) in tensors {
      let start = data.count
      for value in values { data += [UInt8](littleEndian: [value.bitPattern]) }
      header.append(
        "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":[\(start),\(data.count)]}"
      )
    }
    var text = Array("{\(header.joined(separator: ","))}".utf8)
    while (8 + text.count) % 4 != 0 { text.append(0x20) }
    text += [UInt8](repeating: 0x20, count: padding)
    return [UInt8](littleEndian: [UInt64(text.count)]) + text + data
  }
}
