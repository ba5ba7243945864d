import Adapters
import CheckpointBytes
import TestSupport
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

  @Test("Patterns that were drawn say of names what Python's re says")
  func drawn() throws {
    let text = try Fixture("adapters/patterns.json").bytes()
    let cases = try #require(try JSONValue(parsing: text, context: "patterns").elements)
    #expect(cases.count == 400)
    for values in cases.compactMap(\.elements) {
      let pattern = try #require(values[0].string)
      let (whole, ending) = (try ModulePattern(pattern), try ModulePattern(ending: pattern))
      for answer in values[1].elements ?? [] {
        let parts = try #require(answer.elements)
        let name = try #require(parts[0].string)
        #expect(whole.matches(name) == (parts[1] == .boolean(true)), "\(pattern) of \(name)")
        #expect(ending.matches(name) == (parts[2] == .boolean(true)), "end \(pattern) of \(name)")
      }
    }
  }

  @Test("A pattern that closes what stands in front of it is none")
  func unbalanced() throws {
    let error = #expect(throws: CheckpointError.self) { try ModulePattern(ending: "a)|(b") }
    #expect(error?.kind == .unsupported)
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
