public import TensorValues

/// A file that a framework wrote, as a line of `fixtures/layouts` lists it: its form, the class, and names with shapes.
public struct ListedFile: Sendable {
  /// What wrote it, or how.
  public let form: String
  /// The class without TensorFlow's prefix.
  public let className: String
  /// The tensors by name.
  public let shapes: [(name: String, shape: Shape)]

  /// The files of a fixture; of a line that is none of a list an empty one.
  public static func all(in fixture: String) throws -> [ListedFile] {
    let text = String(decoding: try Fixture(fixture).bytes(), as: UTF8.self)
    return text.split(separator: "\n").map { line in
      let words = line.split(separator: " ").map { String($0) }
      let shapes = words.dropFirst(2).compactMap { word -> (name: String, shape: Shape)? in
        guard let place = word.lastIndex(of: "[") else { return nil }
        let sizes = word[place...].dropFirst().dropLast().split(separator: ",")
        return Shape(sizes.compactMap { Int($0) }).map { (String(word[..<place]), $0) }
      }
      guard words.count > 2, shapes.count == words.count - 2 else {
        return ListedFile(form: "", className: "", shapes: [])
      }
      return ListedFile(form: words[0], className: words[1], shapes: shapes)
    }
  }
}
