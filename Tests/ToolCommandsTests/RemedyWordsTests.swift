import CheckpointBytes
import Foundation
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("What helps, in the words of the command line")
struct RemedyWordsTests {
  /// Names as checkpoints have them, and worse.
  private static let names = [
    "bert.pooler.dense.weight", "it's.weight", "a b.weight", "$HOME.`id`.\"x\"", "é.ü", "*", "",
    "callbacks.ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min'}.best_model_score",
    "line\nbreak\u{1B}[31m", String(repeating: "long.", count: 60) + "weight", "back\\slash",
    "!history", "'\u{301}$(id)", "\u{D4E}'; echo it; '",
  ]

  /// The words that a shell makes of text.
  private func shellWords(_ text: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "for word in \(text); do printf '%s\\0' \"$word\"; done"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    return data.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  @Test("A shell gives the tool a pattern that matches the name, whatever the name is")
  func patterns() throws {
    for name in Self.names {
      let remedies: [Remedy] = [
        .leaveOut([name, "b"]), .acceptLoss(name), .acceptSetting(name), .acceptMissing(name),
        .fillZeros(name),
      ]
      let words = try shellWords(remedies.map(\.argument).joined(separator: " "))
      #expect(words.count == 12, "\(words)")
      // The parser of the tool takes them as they are.
      let options = try Tool.conversionOptions(["a.pt", "b.pt"] + words)
      #expect(options.exclude.last?.text == "b")
      let taken =
        options.exclude.dropLast() + options.allowLoss + options.allowMissing + options.fillZeros
      #expect(taken.count == 5)
      for pattern in taken {
        #expect(pattern.matches(ExactName(name)), "\(pattern.text) for \(name)")
      }
    }
  }

  @Test("A name that looks like an option is taken for a name")
  func optionLikeName() throws {
    let words = try shellWords(Remedy.leaveOut(["--force"]).argument)
    let options = try Tool.conversionOptions(["a.pt", "b.pt"] + words)
    #expect(options.exclude.map(\.text) == ["--force"] && !options.replacesExisting)
  }

  @Test("A rule for a new name is one word that does what it says")
  func renaming() throws {
    for name in Self.names where !name.isEmpty && !name.contains("*") && !name.contains("\0") {
      let words = try shellWords(Remedy.rename(from: name, to: "new.'name'").argument)
      #expect(words.count == 2)
      #expect(RenameRule(words[1])?.newName(for: ExactName(name))?.string == "new.'name'")
    }
  }

  @Test("Every other remedy is one that the parser takes")
  func others() throws {
    let remedies: [Remedy] = [
      .replaceExisting, .weightsOnly, .cast(to: "float32"), .format(["safetensors"]),
      .layout("flat"),
    ]
    for remedy in remedies {
      try Tool.parse(["convert", "a.pt", "b.pt"] + (try shellWords(remedy.argument)))
    }
    #expect(
      Remedy.format(["safetensors", "pytorch"]).argument
        == "--format safetensors or --format pytorch")
    try Tool.parse(["inspect", "a.pt"] + shellWords(Remedy.keepUnknownObjects.argument))
    try Tool.parse(
      ["verify", "m", "--golden", "g"] + shellWords(Remedy.modelClass("BertModel").argument))
  }

  @Test("What a message proposes, pasted behind the command, makes it work")
  func pasted() throws {
    let directory = try TemporaryDirectory()
    let model = Fixtures.path("tiny-bert/model.safetensors")
    // A weight that the model does not have, with a name that a shell would take apart.
    let odd = "extra {'monitor': \"$x\"}"
    let header =
      #"{"\#(odd.replacing("\"", with: "\\\""))":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    let part = directory.file("part.safetensors")
    try Data(
      [UInt8](littleEndian: [UInt64(header.utf8.count)]) + Array(header.utf8) + [0, 0, 128, 63]
    )
    .write(to: URL(fileURLWithPath: part))
    let whole = try joined(model, part, in: directory)
    let taken = try directory.write([7], as: "taken.pt")
    for (number, arguments) in [
      [
        "convert", whole, directory.file("x/"), "--layout", "transformers", "--attention-heads",
        "4",
      ],
      ["convert", model, taken],
    ].enumerated() {
      let failed = ToolRun(arguments: arguments)
      #expect(failed.code == 65, "\(failed.output)")
      let proposed = try #require(
        failed.error.firstRange(of: " --").map { failed.error[$0.lowerBound...] })
      // The sentence goes on behind the words.
      let ends = [" leaves ", " to replace it"].compactMap {
        proposed.firstRange(of: $0)?.lowerBound
      }
      let words = try shellWords(String(proposed[..<(try #require(ends.min(), "\(failed.error)"))]))
      let again = ToolRun(arguments: arguments + words)
      #expect(again.code == 0, "\(number): \(words): \(again.error)")
    }
  }

  @Test("What a format has no type for is left out by what the message proposes")
  func unknownType() throws {
    let directory = try TemporaryDirectory()
    let arguments = [
      "convert", Fixtures.path("hazards/files/every-dtype.pt"), directory.file("a.safetensors"),
    ]
    let failed = ToolRun(arguments: arguments)
    let start = try #require(failed.error.firstRange(of: "--exclude "), "\(failed.error)")
    let again = ToolRun(
      arguments: arguments + (try shellWords(String(failed.error[start.lowerBound...].dropLast()))))
    #expect(!again.error.contains("tensor 'C32'"), "\(again.error)")
  }

  /// The tensors of two safetensors files in one.
  private func joined(_ first: String, _ second: String, in directory: TemporaryDirectory) throws
    -> String
  {
    var entries: [String] = []
    var data: [UInt8] = []
    for path in [first, second] {
      let bytes = Array(try #require(FileManager.default.contents(atPath: path)))
      let length = bytes.prefix(8).enumerated().reduce(0) {
        $0 + Int($1.element) << (8 * $1.offset)
      }
      let header = try JSONValue(parsing: Array(bytes[8..<(8 + length)]), context: path)
      for member in header.members ?? [] where member.key != "__metadata__" {
        let bounds = member.value["data_offsets"]?.elements?.compactMap(\.integer) ?? []
        let start = data.count
        data += bytes[(8 + length + bounds[0])..<(8 + length + bounds[1])]
        let value = member.value.setting(
          "data_offsets", to: .array([.integer(start), .integer(data.count)]))
        entries.append(JSONWriter.text(.string(member.key.string)) + ":" + JSONWriter.text(value))
      }
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    return try directory.write(
      [UInt8](littleEndian: [UInt64(header.count)]) + header + data, as: "whole.safetensors")
  }
}
