import Adapters
import CheckpointBytes

/// A pattern over names of modules, a NUL, and a name.
///
/// Patterns come from `rank_pattern` and `alpha_pattern` of adapters. The same pattern written otherwise must say the same, and a name
/// that is as long as any must not take long.
func fuzzPattern(_ bytes: [UInt8]) {
  let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let text = String(decoding: parts.first ?? [], as: UTF8.self)
  let name = String(decoding: parts.count > 1 ? parts[1] : [], as: UTF8.self)
  let pattern: ModulePattern
  do throws(CheckpointError) {
    pattern = try ModulePattern(text)
  } catch {
    expectReadable(error)
    expect((try? ModulePattern(ending: text)) == nil, "what is no pattern is no end of one")
    return
  }
  let matches = pattern.matches(name)
  // Patterns of thousands of steps are soon found and slow; once is enough with those.
  let most = 100_000 / pattern.stepCount
  guard name.utf8.count < most else { return }
  // A little more may be too much.
  for other in ["(\(text))", "(?:\(text))", "\(text)|\(text)", "^(\(text))$", "(\(text)){1}"] {
    if let same = try? ModulePattern(other) {
      expect(same.matches(name) == matches, "a pattern in brackets is the same pattern")
    }
  }
  if let optional = try? ModulePattern("(\(text))?") {
    expect(optional.matches(name) == (matches || name.isEmpty), "something or nothing")
  }
  if let ending = try? ModulePattern(ending: text) {
    // Where the pattern has a beginning of its own, what is behind a point is none.
    var fits = matches
    let letters = Array(name.unicodeScalars)
    if !text.unicodeScalars.contains("^"), letters.count < 64, !letters.contains("\n") {
      for place in letters.indices where letters[place] == "." {
        var rest = String.UnicodeScalarView()
        rest.append(contentsOf: letters[(place + 1)...])
        fits = fits || pattern.matches(String(rest))
      }
      expect(ending.matches(name) == fits, "the end of a name is what is behind a point")
    }
    let long = String(
      repeating: name + ".", count: min(512, most) / (name.utf8.count + 1) + 1)
    _ = ending.matches(long)
  }
}
