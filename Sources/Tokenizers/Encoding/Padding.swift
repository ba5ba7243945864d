/// How encodings are filled up to one length.
public struct Padding: Sendable, Hashable {
  /// The length that they are filled up to.
  public enum Length: Sendable, Hashable {
    /// That of the longest in the batch.
    case longest
    /// This one; longer encodings stay as they are.
    case fixed(Int)
  }

  /// The length that is filled up to.
  public var length: Length
  /// The side where padding is put.
  public var side: TextSide
  /// The length is rounded up to a multiple of this.
  public var multiple: Int?
  /// The padding token's id; nil takes the tokenizer's.
  public var id: Int?
  /// The padding token's type id.
  public var typeID: Int
  /// The padding token's text; nil takes what the id stands for.
  public var token: String?

  /// Fills up to a length.
  public init(
    _ length: Length = .longest, side: TextSide = .right, multiple: Int? = nil, id: Int? = nil,
    typeID: Int = 0, token: String? = nil
  ) {
    self.length = length
    self.side = side
    self.multiple = multiple
    self.id = id
    self.typeID = typeID
    self.token = token
  }
}

extension Padding {
  /// Fills up all encodings of a batch, and what overflowed from them, to one length (utils/padding.rs).
  func apply(to encodings: inout [Encoding], id: Int, token: String) {
    guard let target = target(for: encodings) else { return }
    for index in encodings.indices {
      encodings[index].pad(to: target, side: side, id: id, typeID: typeID, token: token)
    }
  }

  private func target(for encodings: [Encoding]) -> Int? {
    var target: Int
    switch length {
    case .longest: target = encodings.lazy.map(\.count).max() ?? 0
    case .fixed(let length): target = length
    }
    if let multiple, multiple > 0, target % multiple > 0 {
      let rounded = target.addingReportingOverflow(multiple - target % multiple)
      guard !rounded.overflow else { return nil }
      target = rounded.partialValue
    }
    return target
  }
}

extension Encoding {
  fileprivate mutating func pad(
    to target: Int, side: TextSide, id: Int, typeID: Int, token: String
  ) {
    for index in overflowing.indices {
      overflowing[index].pad(to: target, side: side, id: id, typeID: typeID, token: token)
    }
    guard count < target else { return }
    var padding = Encoding(
      special: Array(repeating: (id: id, text: token), count: target - count), typeID: typeID)
    padding.attentionMask = Array(repeating: 0, count: padding.count)
    padding.givesTokenTypes = givesTokenTypes
    let overflow = overflowing
    overflowing = []
    // Without ranges all tokens would be of the first text, and so the padding is for the reference.
    if side == .right {
      append(padding)
    } else {
      padding.append(self)
      self = padding
    }
    overflowing = overflow
  }
}
