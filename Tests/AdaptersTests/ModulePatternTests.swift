import Adapters
import CheckpointBytes
import Testing

@Suite("Patterns over names of modules")
struct ModulePatternTests {
  /// What `re.match(rf"(.*\.)?({pattern})$", name)` of Python 3.11 says.
  @Test(
    "The end of a name matches as in Python",
    arguments: [
      ("query", "layer.1.self.query", true), ("query", "layer.1.self.myquery", false),
      ("query", "query", true), ("^query", "query", true), ("^query", "self.query", false),
      ("layer.1.self.key", "bert.layer.1.self.key", true),
      ("layer.1.self.key", "bert.layer.11.self.key", false),
      (".*layer.0.*key", "bert.layer.0.self.key", true), ("q|v", "a.v", true),
      ("q|v", "a.k", false),
      (#"layers\.\d+\.(q|k)_proj"#, "model.layers.12.k_proj", true),
      (#"layers\.[0-4]\.k"#, "layers.5.k", false), (#"layers\.[^0-4]\.k"#, "layers.5.k", true),
      ("a{2,3}b", "aab", true), ("a{2,3}b", "aaaab", false), ("a{2}", "aa", true),
      ("(?:ab)+?c", "ababc", true), ("a?", "b.", true), ("[]a]", "]", true), ("x$", "a.x", true),
    ])
  func endings(pattern: String, name: String, matches: Bool) throws {
    #expect(try ModulePattern(ending: pattern).matches(name) == matches)
  }

  @Test("A pattern for whole names takes no part of one")
  func whole() throws {
    let pattern = try ModulePattern(#".*\.(query|value)"#)
    #expect(pattern.matches("a.query"))
    #expect(!pattern.matches("a.query.b"))
    #expect(!pattern.matches("query"))
  }

  @Test(
    "What is no pattern, or one of another kind, is refused",
    arguments: ["(", ")", "[", "a**", "*", "(?=a)", #"\1"#, #"a\"#, "[b-a]", "a{3,2}", "a{x}"])
  func refused(pattern: String) throws {
    let error = #expect(throws: CheckpointError.self) { try ModulePattern(pattern) }
    #expect(error?.kind == .unsupported)
  }

  @Test("A pattern that becomes too long is refused, and no name makes one slow")
  func bounded() throws {
    let error = #expect(throws: CheckpointError.self) { try ModulePattern("((a{99}){99}){99}") }
    #expect(error?.kind == .limitExceeded)
    // Backtracking would take 2^200 steps.
    #expect(try !ModulePattern("(a|a|a*)*b").matches(String(repeating: "a", count: 200)))
    let deep = String(repeating: "(", count: 5000) + String(repeating: ")", count: 5000)
    #expect(throws: CheckpointError.self) { try ModulePattern(deep) }
  }
}
