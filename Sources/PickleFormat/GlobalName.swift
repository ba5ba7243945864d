package import CheckpointBytes

/// A class or function as a pickle names it: a module and a name in it, compared by their bytes.
///
/// Canonical equivalence, Swift's `==` for strings, would let a Kelvin sign pass for the letter K in an allow-list.
package struct GlobalName: Sendable, Hashable {
  /// The module: `torch._utils`.
  package let module: ExactName
  /// The name in the module: `_rebuild_tensor_v2`. It may hold dots (protocol 4).
  package let name: ExactName

  /// Makes a name of its parts.
  package init(_ module: String, _ name: String) {
    self.module = ExactName(module)
    self.name = ExactName(name)
  }
}

extension GlobalName: CustomStringConvertible {
  /// Module and name, joined by a dot.
  package var description: String { module.string + "." + name.string }
}

/// Which globals a pickle may name. It is asked whenever one is named, used or not.
package struct GlobalPolicy: Sendable {
  private let isAllowed: @Sendable (GlobalName) -> Bool
  /// True if the result of a call that was not made may stand where a pickle calls something (`getattr(…)(…)`).
  package let allowsCallsOfObjects: Bool
  /// What the user can do where a global is refused.
  package let remedy: Wording?

  /// A policy that asks a function.
  package init(
    allowsCallsOfObjects: Bool = false, remedy: Wording? = nil,
    allows: @escaping @Sendable (GlobalName) -> Bool
  ) {
    isAllowed = allows
    self.allowsCallsOfObjects = allowsCallsOfObjects
    self.remedy = remedy
  }

  /// Nothing is refused: whatever is named is kept as a name.
  package static let everything = GlobalPolicy(allowsCallsOfObjects: true) { _ in true }

  /// No global at all: for pickles of plain values.
  package static let nothing = GlobalPolicy { _ in false }

  /// True if a pickle may name this global.
  package func allows(_ global: GlobalName) -> Bool { isAllowed(global) }
}
