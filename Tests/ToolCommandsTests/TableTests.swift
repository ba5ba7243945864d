import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("Tables for people")
struct TableTests {
  private func table() -> TextTable {
    var table = TextTable(.name("tensor"), .text("dtype"), .number("bytes"))
    table.add(["bert.encoder.layer.0.attention.self.query.weight", "F32", "4.10 KB"])
    table.add(["a", "BF16", "2 B"], below: ["  0 … 1, mean 0.5, std 0.1 and much more to be said"])
    return table
  }

  @Test("Without a terminal nothing is cut, whatever the length")
  func plain() {
    #expect(
      table().lines() == [
        "tensor                                            dtype    bytes",
        "bert.encoder.layer.0.attention.self.query.weight  F32    4.10 KB",
        "a                                                 BF16       2 B",
        "  0 … 1, mean 0.5, std 0.1 and much more to be said",
      ])
  }

  @Test("On a terminal every line fits, and names are cut in the middle", arguments: [30, 40, 64])
  func fits(_ width: Int) {
    let lines = table().lines(TextStyle(width: width))
    #expect(lines.allSatisfy { $0.count <= width }, "\(lines)")
    #expect(lines[1].hasPrefix("bert") && lines[1].hasSuffix("4.10 KB"), "\(lines)")
    #expect(lines[1].contains("…") == (width < 64), "\(lines)")
    // What stands below a row is broken behind a comma, not cut.
    let below = lines[3...].map { $0.dropFirst(2) }.joined(separator: " ")
    #expect(below.contains("mean 0.5, std 0.1"), "\(lines)")
  }

  @Test("Colours say what a row says, and change no width")
  func colours() {
    var table = TextTable(.name("output"), .number("max abs"))
    table.add(["logits", "1.0"], .bad)
    let lines = table.lines(TextStyle(isColored: true))
    #expect(lines == ["\u{1B}[1moutput  max abs\u{1B}[0m", "\u{1B}[31mlogits      1.0\u{1B}[0m"])
  }

  @Test("A column of which nothing is known is left out, and a short row reaches over the rest")
  func columns() {
    var table = TextTable(.text("name"), .text("nothing"), .text("shape"), .number("bytes"))
    table.add(["w", "", "[2]", "8 B"])
    table.add(["v", "", "shape [2], recorded [3]"])
    #expect(
      table.lines() == [
        "name  shape  bytes", "w     [2]      8 B", "v     shape [2], recorded [3]",
      ])
  }

  @Test("A name that is cut keeps both of its ends")
  func cutting() {
    #expect(cutInTheMiddle("abcdefghij", to: 5) == "ab…ij")
    #expect(cutInTheMiddle("abc", to: 3) == "abc")
    #expect(cutInTheMiddle("abc", to: 1) == "…")
    #expect(cutInTheMiddle("abc", to: 0) == "")
  }

  @Test("Wide characters take two columns, marks none, and what is behind them stands in line")
  func wide() {
    // `unicodedata.east_asian_width` calls the first six W, the full stop Na, the last two F and Na.
    #expect("日本語重み한.Ａé".shownWidth == 6 * 2 + 1 + 2 + 1)
    #expect("e\u{301}".shownWidth == 1 && "🦙✔\u{FE0F}✔".shownWidth == 5)
    var table = TextTable(.name("tensor"), .text("dtype"))
    table.add(["日本語.重み", "F32"])
    table.add(["weight", "F16"])
    #expect(
      table.lines() == ["tensor       dtype", "日本語.重み  F32", "weight       F16"])
    #expect(cutInTheMiddle("日本語.重み", to: 8) == "日….重み")
    #expect(cutInTheMiddle("日本語.重み", to: 7) == "日…重み")
    for width in 0..<12 { #expect(cutInTheMiddle("日本語.重み", to: width).shownWidth <= width) }
  }

  @Test("A report on a terminal of 80 columns has no line of a table that is longer")
  func reports() {
    let model = Fixtures.path("tiny-bert/model.safetensors")
    for arguments in [
      ["inspect", model], ["inspect", model, "--tree"], ["inspect", model, "--stats"],
    ] {
      let run = ToolRun(arguments: arguments, style: TextStyle(width: 80))
      #expect(run.code == 0)
      // What stands in front of the table are sentences.
      let lines = run.output.split(separator: "\n").drop { !$0.hasPrefix("tensor") }
      #expect(lines.count > 20 && lines.allSatisfy { $0.count <= 80 }, "\(run.output)")
    }
  }
}
