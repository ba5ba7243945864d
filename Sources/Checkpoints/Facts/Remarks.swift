public import CheckpointBytes

/// Something that a destination does not hold.
public struct Omission: Sendable {
  /// What it is.
  public let item: String
  /// Why it was left out.
  public let reason: Wording

  package init(_ item: String, _ reason: Wording) {
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
  package var notes: [Wording]

  package init(omissions: [Omission] = [], notes: [Wording] = []) {
    self.omissions = omissions
    self.notes = notes
  }

  package mutating func omit(_ item: String, _ reason: Wording) {
    omissions.append(Omission(item, reason))
  }

  package mutating func omit(_ item: String, _ reason: String) { omit(item, Wording(reason)) }

  package mutating func note(_ text: Wording) { notes.append(text) }

  package mutating func note(_ texts: [Wording]) { notes += texts }

  package mutating func note(_ texts: [String]) { notes += texts.map { Wording($0) } }

  package static func += (left: inout Remarks, right: Remarks) {
    left.omissions += right.omissions
    left.notes += right.notes
  }
}
