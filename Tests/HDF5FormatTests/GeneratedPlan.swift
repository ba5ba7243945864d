import CheckpointBytes
import HDF5Format
import TensorValues
import TestSupport

/// Plans made at random: trees of any form, names in any script, every type, attribute and link that can be written.
struct GeneratedPlan {
  private(set) var plan = HDF5Plan()
  /// The bytes of each data set, as they are stored.
  private(set) var elements: [[UInt8]] = []

  private var random: SeededGenerator
  /// The paths of groups, and all paths.
  private var groups: [String] = [""]
  private var taken: Set<ExactName> = [""]

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    if Bool.random(using: &random) {
      plan.groups.append(.init(path: "", attributes: attributes()))
    }
    let most = [3, 20, 90, 600].randomElement(using: &random) ?? 3
    for _ in 0..<random.number(0...most) {
      switch random.number(0...7) {
      case 0...1: addGroup()
      case 2...6: addDataset()
      default: addLink()
      }
    }
    plan.groups.shuffle(using: &random)
  }

  // MARK: Objects

  private mutating func newPath() -> ExactName? {
    // One group gets most of the objects, so that its tree grows.
    let parent = random.number(0...2) == 0 ? groups.randomElement(using: &random) : groups.last
    let path = ExactName((parent.map { $0.isEmpty ? "" : $0 + "/" } ?? "") + name())
    return taken.insert(path).inserted ? path : nil
  }

  private mutating func addGroup() {
    guard let path = newPath() else { return }
    groups.append(path.string)
    groups.shuffle(using: &random)
    plan.groups.append(.init(path: path, attributes: attributes()))
  }

  private mutating func addDataset() {
    guard let path = newPath() else { return }
    let order: ByteOrder = Bool.random(using: &random) ? .little : .big
    let dtypes = DType.allCases.filter { $0.byteWidth != nil && (order == .little || !$0.isOpaque) }
    let dtype = dtypes.randomElement(using: &random) ?? .f32
    let shape = Self.shape(random.number(0...4), most: 7, &random)
    plan.datasets.append(
      .init(
        path: path, dtype: dtype, byteOrder: order, shape: shape, attributes: attributes()))
    let count = dtype.byteCount(elementCount: shape.elementCount) ?? 0
    elements.append(random.bytes(count))
  }

  private mutating func addLink() {
    let targets = plan.groups.map(\.path) + plan.datasets.map(\.path)
    guard let target = targets.randomElement(using: &random), let path = newPath() else { return }
    plan.hardLinks.append(.init(path: path, target: target))
  }

  private static func shape(
    _ rank: Int, most: Int, _ random: inout SeededGenerator
  ) -> Shape {
    Shape((0..<rank).map { _ in random.number(0...most) }) ?? .scalar
  }

  // MARK: Names and attributes

  private mutating func name() -> String {
    let letters = [
      "a", "b", "Z", "0", "_", ":", " ", ".x", "é", "e\u{301}", "字", "\u{1F40D}", "\n", "\\",
    ]
    let isPlain = random.number(0...3) > 0
    let count = random.number(1...12)
    return (0..<count).map { _ in
      (isPlain ? letters[..<7] : letters[...]).randomElement(using: &random) ?? "a"
    }.joined()
  }

  private mutating func attributes() -> [HDF5Attribute] {
    var names: Set<ExactName> = []
    return (0..<random.number(0...3)).compactMap { _ in
      let attribute = HDF5Attribute(ExactName(name()), form())
      return names.insert(attribute.name).inserted && attribute.isWritable ? attribute : nil
    }
  }

  private mutating func form() -> HDF5AttributeForm {
    let order: ByteOrder = Bool.random(using: &random) ? .little : .big
    var type: HDF5AttributeType
    switch random.number(0...3) {
    case 0:
      type = .text(
        .init(isUTF8: Bool.random(using: &random)))
    case 1:
      type = .text(
        .init(
          isUTF8: Bool.random(using: &random), byteCount: random.number(1...20),
          padding: HDF5AttributeType.Text.Padding.allCases.randomElement(using: &random)
            ?? .nullPadded))
    case 2:
      let dtype = DType.allCases.filter { $0.category == .integer }.randomElement(using: &random)
      type = .enumeration(
        dtype ?? .i8, dtype?.byteWidth == 1 ? .little : order,
        members: (0..<random.number(1...9)).map {
          .init("\(name()) \($0)", Int64($0) * 7)
        })
    default:
      let dtype = DType.allCases.filter { $0.byteWidth != nil && $0.category != .real }
        .randomElement(using: &random)
      let real: [DType] = [.f16, .bf16, .f32, .f64]
      let chosen =
        Bool.random(using: &random) ? dtype ?? .i8 : real.randomElement(using: &random) ?? .f32
      type = .number(chosen, chosen.componentByteWidth == 1 ? .little : order)
    }
    let rank = [0, 0, 1, 2, 32].randomElement(using: &random) ?? 0
    var shape: Shape? = Self.shape(rank, most: rank == 32 ? 1 : 5, &random)
    if random.number(0...9) == 0 { shape = nil }
    let count = shape?.elementCount ?? 0
    if case .text(let text) = type {
      // Several axes without elements have no form as text.
      if count == 0, let rank = shape?.rank, rank > 1 { shape = .scalar }
      let count = shape?.elementCount ?? 0
      let texts = (0..<count).map { _ in
        Bool.random(using: &random) ? Array(name().utf8) : []
      }
      guard let size = text.byteCount else {
        return HDF5AttributeForm(type: type, shape: shape, elements: .texts(texts))
      }
      let fill: UInt8 = text.padding == .spacePadded ? 0x20 : 0
      return HDF5AttributeForm(
        type: type, shape: shape,
        elements: .packed(
          texts.flatMap { text in
            // Whole letters, and none that looks like padding.
            let text = text.allSatisfy { $0 < 0x80 } ? text.filter { $0 != fill }.prefix(size) : []
            return text + [UInt8](repeating: fill, count: size - text.count)
          }))
    }
    let width: Int
    switch type {
    case .number(let dtype, _), .enumeration(let dtype, _, _): width = dtype.byteWidth ?? 1
    case .text: width = 1
    }
    var bytes = random.bytes(count * width)
    if case .number(.bool, _) = type { bytes = bytes.map { $0 & 1 } }
    return HDF5AttributeForm(type: type, shape: shape, elements: .packed(bytes))
  }
}

extension DType {
  /// True if HDF5 has no type for it.
  fileprivate var isOpaque: Bool {
    [.bf16, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ].contains(self)
  }
}
