internal import CheckpointBytes
internal import PickleFormat

/// What the code of a TorchScript archive says of its classes' attributes: which of a module's are its state.
///
/// ```
/// class Net(Module):                      code/__torch__.py: `__torch__.Net`
///   __parameters__ = ["weight", ]
///   __buffers__ = ["steps", ]
/// ```
///
/// These lines are read as PyTorch writes them (`torch/csrc/jit/serialization/python_print.cpp`, 2.13), and nothing else of the
/// code. Of a module that lacks one of the two lists nothing is known: PyTorch before 1.5 wrote no buffers.
struct ScriptClasses {
  private var states: [ExactName: Set<ExactName>] = [:]
  private var room: Int

  init(limits: ReadLimits) {
    room = limits.tensorCount
  }

  /// The attributes that are a class's parameters and buffers, none of a class that is no module; nil if the code does
  /// not say.
  func state(of name: GlobalName) -> Set<ExactName>? {
    states[ExactName(name.description)]
  }

  /// Takes up the classes of a source, whose names begin with the path of its member.
  mutating func read(_ source: [UInt8], below path: String) throws(ParseFailure) {
    var open: Class?
    var start = 0
    while start < source.count {
      let end = source[start...].firstIndex(of: 0x0A) ?? source.count
      let line = source[start..<end]
      if line.first != 0x20 {
        close(open)
        open = Class(line, below: path)
      } else {
        for list in [\Class.parameters, \Class.buffers] {
          try open?[keyPath: list].read(line, at: start, room: &room)
        }
      }
      start = end + 1
    }
    close(open)
  }

  private mutating func close(_ class: Class?) {
    guard let found = `class` else { return }
    states[found.name] = found.state
  }

  /// A class while its lines are read.
  private struct Class {
    let name: ExactName
    let isModule: Bool
    var parameters = NameList("  __parameters__ = [")
    var buffers = NameList("  __buffers__ = [")

    init?(_ line: ArraySlice<UInt8>, below path: String) {
      let keyword = Array("class ".utf8)
      guard line.starts(with: keyword) else { return nil }
      let rest = line.dropFirst(keyword.count)
      let name = rest.prefix { $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ":") }
      self.name = ExactName(path + "." + String(decoding: name, as: UTF8.self))
      isModule = rest.dropFirst(name.count).elementsEqual("(Module):".utf8)
    }

    var state: Set<ExactName>? {
      guard isModule else { return [] }
      guard let parameters = parameters.names, let buffers = buffers.names else { return nil }
      return parameters.union(buffers)
    }
  }

  /// A line `… = ["a", "b", ]`. Names stand there as they are.
  private struct NameList {
    private let opening: String
    private(set) var names: Set<ExactName>?

    init(_ opening: String) {
      self.opening = opening
    }

    mutating func read(
      _ line: ArraySlice<UInt8>, at offset: Int, room: inout Int
    ) throws(ParseFailure) {
      guard line.starts(with: opening.utf8) else { return }
      var found: Set<ExactName> = []
      var rest = line.dropFirst(opening.utf8.count)
      while rest.first == UInt8(ascii: "\"") {
        let name = rest.dropFirst().prefix { $0 != UInt8(ascii: "\"") }
        rest = rest[name.endIndex...]
        guard rest.starts(with: "\", ".utf8) else { break }
        rest = rest.dropFirst(3)
        room -= 1
        guard room >= 0 else {
          throw ParseFailure(
            .limitExceeded, at: offset, "code", "the classes have too many parameters and buffers")
        }
        found.insert(ExactName(String(decoding: name, as: UTF8.self)))
      }
      guard rest.elementsEqual("]".utf8), names == nil else {
        throw ParseFailure(
          .malformed, at: offset, "code",
          "expected one list of names, each in quotes and followed by a comma, found \(quoted(String(decoding: line.prefix(80), as: UTF8.self)))"
        )
      }
      names = found
    }
  }
}
