internal import CheckpointBytes
internal import TensorValues

/// An attribute message of version 1 (HDF5 specification IV.A.2.m), as ``AttributeMessage`` reads it.
///
/// ```
/// version │ sizes │ name │ datatype │ dataspace │ elements
/// ```
struct AttributeDraft {
  private let name: ExactName
  private let type: DatatypeDraft
  private let space: DataspaceDraft
  private let elements: HDF5AttributeForm.Elements

  /// - Throws: `inconsistent`, `unsupported` or `limitExceeded` if no message can hold the attribute.
  init(_ attribute: HDF5Attribute) throws(ParseFailure) {
    let field = "attribute \(quoted(attribute.name.string))"
    name = attribute.name
    guard name.byteCount > 0, !name.string.utf8.contains(0) else {
      throw ParseFailure(.inconsistent, field, "an attribute needs a name without NUL")
    }
    guard let form = attribute.form, let type = DatatypeDraft(form.type),
      form.shape?.rank ?? 0 <= Dataspace.mostAxes
    else {
      throw ParseFailure(
        .unsupported, field, "only text without NUL, numbers and arrays of them can be written")
    }
    self.type = type
    space = DataspaceDraft(shape: form.shape)
    elements = form.elements
    guard byteCount <= ObjectHeaderDraft.mostMessageBytes else {
      throw ParseFailure(
        .limitExceeded, field,
        "\(byteCount) bytes, at most \(ObjectHeaderDraft.mostMessageBytes) fit")
    }
    if case .texts(let texts) = elements {
      guard texts.allSatisfy({ $0.count <= Int32.max }) else {
        throw ParseFailure(.limitExceeded, field, "a text of more than \(Int32.max) bytes")
      }
    }
  }

  private var byteCount: Int {
    let content: Int =
      switch elements {
      case .packed(let bytes): bytes.count
      // Each a reference into the global heap.
      case .texts(let texts): 16 * texts.count
      }
    return 8 + (name.byteCount + 1).roundedToEight + type.byteCount.roundedToEight
      + space.byteCount.roundedToEight + content.roundedToEight
  }

  func write(to buffer: inout StructureBuffer, _ heap: inout GlobalHeapDraft) {
    buffer.append([1, 0])
    buffer.append(UInt16(truncatingIfNeeded: name.byteCount + 1))
    buffer.append(UInt16(truncatingIfNeeded: type.byteCount))
    buffer.append(UInt16(truncatingIfNeeded: space.byteCount))
    let start = buffer.count
    buffer.append(name.string.utf8)
    buffer.append(0 as UInt8)
    buffer.align(from: start)
    type.write(to: &buffer)
    buffer.align(from: start)
    space.write(to: &buffer)
    buffer.align(from: start)
    switch elements {
    case .packed(let bytes): buffer.append(bytes)
    case .texts(let texts): for text in texts { heap.add(text, referTo: &buffer) }
    }
  }
}

extension HDF5Attribute {
  /// True if the attribute can be written: text, numbers, booleans and arrays of them, as much as an object header takes.
  public var isWritable: Bool {
    (try? AttributeDraft(self)) != nil
  }
}
