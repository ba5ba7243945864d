/// Something that a destination does not hold.
public struct Omission: Sendable {
  /// What it is.
  public let item: String
  /// Why it was left out.
  public let reason: String

  package init(_ item: String, _ reason: String) {
    self.item = item
    self.reason = reason
  }
}

/// What a step towards a destination has to say of itself: every step returns its own, and whoever takes the steps puts them
/// together.
package struct Remarks: Sendable {
  /// What the destination does not hold.
  package var omissions: [Omission]
  /// What else is worth knowing.
  package var notes: [String]

  package init(omissions: [Omission] = [], notes: [String] = []) {
    self.omissions = omissions
    self.notes = notes
  }

  package mutating func omit(_ item: String, _ reason: String) {
    omissions.append(Omission(item, reason))
  }

  package mutating func note(_ text: String) { notes.append(text) }

  package static func += (left: inout Remarks, right: Remarks) {
    left.omissions += right.omissions
    left.notes += right.notes
  }
}
