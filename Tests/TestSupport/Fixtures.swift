/// The fixtures under `fixtures/`, found from this file's own place.
public enum Fixtures {
  /// The path of a fixture: `Fixtures.path("tiny-bert/model.safetensors")`.
  public static func path(_ name: String) -> String {
    // …/Tests/TestSupport/Fixtures.swift
    let components = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    return components.joined(separator: "/") + "/fixtures/" + name
  }
}
