internal import CheckpointBytes

/// A safetensors file in the making: float32 tensors of known bytes, under names that a test chooses.
public struct TensorFile: Sendable {
  /// One tensor.
  public struct Tensor: Sendable {
    /// The name.
    public var name: String
    /// The extents.
    public var shape: [Int]
    /// The packed bytes, four for each element.
    public var bytes: [UInt8]

    /// Makes a tensor.
    public init(_ name: String, _ shape: [Int], _ bytes: [UInt8]) {
      self.name = name
      self.shape = shape
      self.bytes = bytes
    }
  }

  /// The tensors in the order of the file.
  public var tensors: [Tensor] = []
  /// The file's metadata.
  public var metadata: [(key: String, value: String)] = []

  /// An empty file.
  public init() {}

  /// Puts a tensor in; its bytes differ from place to place and from seed to seed.
  public mutating func add(_ name: String, _ shape: [Int], seed: Int = 1) {
    let count = shape.reduce(4, *)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 7 &+ seed &* 31) & 0x3F) }
    tensors.append(Tensor(name, shape, bytes))
  }

  /// The tensor of a name.
  public subscript(name: String) -> Tensor? {
    get { tensors.first { $0.name == name } }
    set {
      let place = tensors.firstIndex { $0.name == name } ?? tensors.count
      if place < tensors.count { tensors.remove(at: place) }
      if let newValue { tensors.insert(newValue, at: place) }
    }
  }

  /// The file's bytes.
  public var bytes: [UInt8] {
    var members: [JSONValue.Member] = []
    if !metadata.isEmpty {
      members.append(
        JSONValue.Member(
          "__metadata__",
          .object(metadata.map { JSONValue.Member(ExactName($0.key), .string($0.value)) })))
    }
    var data: [UInt8] = []
    for tensor in tensors {
      let end = data.count + tensor.bytes.count
      members.append(
        JSONValue.Member(
          ExactName(tensor.name),
          .object([
            JSONValue.Member("dtype", .string("F32")),
            JSONValue.Member("shape", .array(tensor.shape.map { .integer($0) })),
            JSONValue.Member(
              "data_offsets", .array([.integer(data.count), .integer(end)])),
          ])))
      data += tensor.bytes
    }
    let header = Array(JSONWriter.text(.object(members)).utf8)
    return [UInt8](littleEndian: [UInt64(header.count)]) + header + data
  }
}
