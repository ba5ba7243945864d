import CheckpointBytes
import Testing

@Suite struct ExactNameTests {
  @Test("Composed and decomposed names are equal as strings and two as names")
  func normalisation() {
    let composed = "caf\u{E9}"
    let decomposed = "cafe\u{301}"
    #expect(composed == decomposed)
    #expect(ExactName(composed) != ExactName(decomposed))
    #expect(Set([ExactName(composed), ExactName(decomposed)]).count == 2)
    #expect([ExactName(composed): 1, ExactName(decomposed): 2][ExactName(decomposed)] == 2)
    #expect(ExactName(composed).byteCount == 5)
    #expect(ExactName(decomposed).byteCount == 6)
  }

  @Test("Names and patterns are written, put together and looked into as strings are")
  func strings() {
    let layer = 3
    let name: ExactName = "encoder.layer.\(layer).weight"
    #expect("\(name)" == "encoder.layer.3.weight")
    #expect(ExactName("\(name)") == name)
    #expect(name.hasPrefix("encoder.") && name.hasSuffix(".weight"))
    #expect(!name.hasPrefix("decoder.") && !name.hasSuffix("bias"))
    // By bytes, as all comparing of names.
    #expect(!ExactName("caf\u{E9}.x").hasPrefix("cafe\u{301}"))
    let pattern: NamePattern = "encoder.layer.\(layer).*"
    #expect(pattern.matches(name) && !pattern.matches("encoder.layer.4.weight"))
  }

  @Test("The order is that of the bytes, as Python sorts bytes")
  func order() {
    // sorted(names, key=str.encode) of Python 3.11; UTF-16 units would put 😀 before U+FB01.
    let sorted: [ExactName] = [
      "", "B", "a", "a.10", "a.9", "b", "e\u{301}", "\u{E9}", "\u{FB01}", "\u{1F600}",
    ]
    #expect(sorted.shuffled().sorted() == sorted)
  }

  @Test("Equal names have equal hashes, whatever their strings are made of")
  func hashing() {
    let name = "encoder.layer.0.weight"
    let pieces = name.split(separator: ".").joined(separator: ".")
    #expect(
      Set([ExactName(name), ExactName(pieces), ExactName(String(name.dropFirst(0)))]).count == 1)
  }

  @Test("A name with NUL in it is another name")
  func nul() {
    #expect(ExactName("a") != ExactName("a\u{0}"))
    #expect(ExactName("a") < ExactName("a\u{0}"))
  }

  @Test("A rule is cut at its sign, whatever marks follow")
  func rules() {
    func rule(_ text: String) -> RenameRule? { RenameRule(text) }
    #expect(rule("*=>\u{301}*")?.newName(for: "a") == "\u{301}a")
    #expect(rule("a=>b=>c")?.newName(for: "a") == "b=>c")
    #expect(rule("=>a") == nil && rule("a=") == nil && rule("a") == nil)
    #expect(rule("a=>")?.newName(for: "a") == "" && rule("a=>*") == nil)
  }

  @Test("A component and an end are found where they are whole, and nowhere else")
  func parts() {
    let name: ExactName = "encoder.module.0.weight"
    for part in ["encoder", "module", "0", "weight"] {
      #expect(name.hasComponent(among: ["other", ExactName(part)]))
    }
    for part in ["", "modul", "odule", "encoder.module", "weights"] {
      #expect(!name.hasComponent(among: [ExactName(part)]))
    }
    #expect(ExactName("a..b").hasComponent(among: [""]))
    #expect(!ExactName("a").hasComponent(among: []))
    for end in ["", "t", ".weight", "0.weight", name.string] {
      #expect(name.hasSuffix(end))
    }
    for end in ["Weight", "weight.", "x" + name.string] {
      #expect(!name.hasSuffix(end))
    }
  }
}
