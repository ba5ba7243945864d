import CheckpointBytes
import LanguageModels
import TestSupport
import Testing
import Tokenizers
import Training

/// Examples as they stand in files, and what is wrong with them.
@Suite struct DataTests {
  private func data(_ name: String, _ text: String) throws -> TrainingData {
    let directory = try TemporaryDirectory()
    return try TrainingData(path: directory.write(Array(text.utf8), as: name))
  }

  private func failure(_ name: String, _ text: String) throws -> CheckpointError? {
    do {
      _ = try data(name, text)
      return nil
    } catch { return error as? CheckpointError }
  }

  private func columns(_ data: TrainingData) -> [String] {
    data.rows.map { JSONWriter.text($0.values) }
  }

  @Test(
    "Rows under a header: quotes, separators and line feeds in them, empty lines, either line end")
  func separatedValues() throws {
    let comma = try data(
      "a.csv", "\u{FEFF}text,label\r\n\"a, \"\"b\"\"\r\nc\",1\r\n\r\n d ,\n,\"\"\n")
    #expect(
      columns(comma) == [
        #"{"text":"a, \"b\"\r\nc","label":"1"}"#, #"{"text":" d ","label":""}"#,
        #"{"text":"","label":""}"#,
      ])
    #expect(comma.rows.map(\.line) == [2, 5, 6])
    // As Python's csv reads it: a carriage return alone ends a line, and not one in quotes.
    let returns = try data("a.csv", "text,label\ra,1\r\"b\rc\",2\rd,3")
    #expect(
      columns(returns) == [
        #"{"text":"a","label":"1"}"#, #"{"text":"b\rc","label":"2"}"#,
        #"{"text":"d","label":"3"}"#,
      ])
    #expect(returns.rows.map(\.line) == [2, 3, 5])
    let tab = try data("a.tsv", "text\tlabel\na, b\tx")
    #expect(columns(tab) == [#"{"text":"a, b","label":"x"}"#])
  }

  @Test("JSON line by line, and texts line by line")
  func lines() throws {
    let json = try data("a.jsonl", "{\"text\": \"a\", \"label\": 1}\n\n{\"text\": \"b\"}")
    #expect(columns(json) == [#"{"text":"a","label":1}"#, #"{"text":"b"}"#])
    #expect(json.rows.map(\.line) == [1, 3])
    #expect(columns(try data("a.txt", "a\n\n b\n")) == [#"{"text":"a"}"#, #"{"text":" b"}"#])
  }

  @Test("Texts in directories that are named by their labels, in the order of names")
  func folders() throws {
    let directory = try TemporaryDirectory()
    for label in ["pos", "neg", "unsup"] { try Directory.makeAll(directory.file("data/" + label)) }
    for name in ["pos/2.txt", "pos/1.txt", "neg/1.txt", "neg/notes.md", "unsup/1.txt"] {
      let file = try OutputFile(path: directory.file("data/" + name))
      try file.write(Array(name.utf8), at: 0)
      try file.commit()
    }
    let data = try TrainingData(path: directory.file("data"))
    #expect(
      columns(data) == [
        #"{"text":"neg/1.txt","label":"neg"}"#, #"{"text":"pos/1.txt","label":"pos"}"#,
        #"{"text":"pos/2.txt","label":"pos"}"#,
      ])
    #expect(data.notes == [directory.file("data/unsup") + ": texts without a label, left aside"])
  }

  @Test("What is malformed is told with its line")
  func failures() throws {
    for (name, text, kind, line) in [
      ("a.jsonl", "{\"text\": 1}\n[1]", .malformed, "line 2"),
      ("a.jsonl", "\n{\"text\"", .malformed, "line 2"),
      ("a.csv", "a,b\n1,2\n\"x\ny\",2,3", .malformed, "line 3"),
      ("a.csv", "a,a\n1,2", .malformed, "line 1"),
      ("a.csv", "a,b\n1,\"2", .malformed, "line 2"),
      ("a.csv", "a,b\n\"1\"x,2", .malformed, "line 2"),
      ("a.jsonl", "\n", .inconsistent, nil), ("a.csv", "a,b\n", .inconsistent, nil),
      ("a.parquet", "x", .unsupported, nil),
    ] as [(String, String, FailureKind, String?)] {
      let error = try failure(name, text)
      #expect(
        error?.kind == kind && error?.site.field == line, "\(text): \(String(describing: error))")
      #expect(error?.site.file?.hasSuffix(name) ?? false)
    }
  }

  @Test(
    "Labels are sorted: numbers by value, names by bytes; lists and fractions show what a classifier is for"
  )
  func labels() throws {
    let numbers = try data("a.csv", "text,label\na,10\nb,9\nc,10")
    #expect(try TrainingTask(.classification, of: numbers).labels.names == ["9", "10"])
    let names = try data("a.csv", "text,label\na,b\nb,B\nc,a")
    #expect(try TrainingTask(.classification, of: names).labels.names == ["B", "a", "b"])
    let padded = try data("a.csv", "text,label\na,10\nb,01\nc,1")
    #expect(try TrainingTask(.classification, of: padded).labels.names == ["01", "1", "10"])
    // Two spellings of one letter, which are two texts to Python.
    let spellings = try data("a.csv", "text,label\na,\u{E9}\nb,e\u{301}\nc,\u{E9}")
    let spelled = try TrainingTask(.classification, of: spellings).labels
    #expect(spelled.names.map { Array($0.unicodeScalars).count } == [2, 1])
    #expect(try columns(data("a.csv", "\u{E9},e\u{301}\n1,2")).count == 1)
    let known = LabelSet(["b", "a", "B", "c"])
    #expect(try TrainingTask(.classification, of: names, known: known).labels == known)
    #expect(
      try TrainingTask(.classification, of: names, known: LabelSet(["x"])).labels.names
        == ["B", "a", "b"])
    // Of the names that a model has for numbers, and of numbers that are names.
    let few = try data("a.csv", "text,label\na,1\nb,2")
    for names in [["1", "2", "3"], ["LABEL_1", "LABEL_2"], ["x", "y", "z"]] {
      let known = LabelSet(names)
      #expect(try TrainingTask(.classification, of: few, known: known).labels == known)
    }
    let zero = try data("a.csv", "text,label\na,0\nb,2")
    #expect(throws: CheckpointError.self) {
      try TrainingTask(.classification, of: zero, known: LabelSet(["1", "2", "3"]))
    }
    #expect(LabelSet(["\u{E9}"]) != LabelSet(["e\u{301}"]))
    let both = try data("a.jsonl", "{\"text\":\"a\",\"label\":[\"\u{E9}\",\"e\u{301}\"]}")
    let tokenizer = try Tokenizer.load(from: Fixture("tokenizers/bert-uncased").path)
    let examples = try TrainingTask(.classification, of: both)
      .examples(both, tokenizer, length: 8, takesTypes: false)
    #expect(examples.map(\.label) == [.numbers([1, 1])])
    let several = try data("a.jsonl", "{\"text\":\"a\",\"label\":[\"x\",\"y\"]}")
    #expect(
      try TrainingTask(.classification, of: several).problem == .multiLabelClassification)
    let fractions = try data(
      "a.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\",\"label\":1.5}")
    let regression = try TrainingTask(.classification, of: fractions)
    #expect(regression.problem == .regression && regression.labels.count == 1)
    // A table has no types: all labels are numbers then, and one has a fraction. Where there are types a text is a name.
    for (name, text, isRegression) in [
      ("a.csv", "text,label\na,1\nb,1.5", true), ("a.tsv", "text\tlabel\na\t-0.5", true),
      ("a.csv", "text,label\na,1\nb,2", false), ("a.csv", "text,label\na,x\nb,1.5", false),
      ("a.csv", "text,label\na,1\nb,nan", false),
      ("a.jsonl", "{\"text\":\"a\",\"label\":\"1.5\"}", false),
    ] {
      let problem = try TrainingTask(.classification, of: data(name, text)).problem
      #expect((problem == .regression) == isRegression, "\(text)")
    }
    for text in ["text,class\na,b", "text,label\na,\nb,y"] {
      let error = try #require(throws: CheckpointError.self) {
        try TrainingTask(.classification, of: data("a.csv", text))
      }
      #expect(error.kind == .notFound && error.site.field == "line 2, label", "\(error)")
    }
  }

  @Test("What torch ignores is no class, and labels are listed so that an empty one shows")
  func labelsThatAreNone() throws {
    for (name, text, kind) in [
      ("a.csv", "text,label\na,-100\nb,1", .classification),
      ("a.jsonl", "{\"text\":\"a\",\"label\":-100}", .classification),
      ("a.jsonl", "{\"text\":\"a\",\"label\":[1,-100]}", .classification),
      ("a.jsonl", "{\"tokens\":[\"a\"],\"ner_tags\":[-100]}", .tokenClassification),
    ] as [(String, String, TrainingTask.Kind)] {
      let error = try #require(throws: CheckpointError.self) {
        try TrainingTask(kind, of: data(name, text))
      }
      #expect(
        error.kind == .inconsistent
          && error.site.field?.contains(kind == .classification ? "label" : "ner_tags") ?? false
          && error.problem == "the label -100 is no class: torch leaves it out of a loss",
        "\(error)")
    }
    // Of numbers to be learned it is one.
    let numbers = try data("a.csv", "text,label\na,-100\nb,1.5")
    #expect(try TrainingTask(.classification, of: numbers).problem == .regression)
    let error = try #require(throws: CheckpointError.self) {
      try TrainingTask(
        .classification,
        of: data("a.jsonl", "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"a\",\"label\":\"z\"}"),
        known: LabelSet(["", "x"]))
    }
    #expect(
      error.problem
        == "the label 'z' is none of the model's, which knows others of these examples: '', 'x'")
  }

  @Test("A directory of a label has texts in it", arguments: ["pos/sub/a.txt", "pos/a.TXT"])
  func emptyLabels(_ file: String) throws {
    let directory = try TemporaryDirectory()
    for file in ["neg/1.txt", file] {
      try Directory.makeAll(splitPath(directory.file(file)).directory)
      _ = try directory.write(Array("a".utf8), as: file)
    }
    let error = try #require(throws: CheckpointError.self) {
      try TrainingData(path: directory.path)
    }
    #expect(error.kind == .inconsistent && error.site.file == directory.file("pos"), "\(error)")
  }
}
