internal import CheckpointBytes
internal import TensorValues

extension HDF5FileReader {
  /// The attributes of an object, in the order in which they are stored. One that cannot be read does not make the
  /// data sets unreadable: it is kept as a marker with the reason, and whoever needs its value finds none. If the list
  /// itself is damaged, a marker without a name stands for what is missing.
  func attributes(of header: ObjectHeader) -> [HDF5Attribute] {
    var attributes: [HDF5Attribute] = []
    do throws(ParseFailure) {
      for message in header.messages where message.type == .attribute {
        attributes.append(try attribute(shared.body(of: message)))
      }
      if let message = header[.attributeInfo] {
        try message.forEachAttribute(in: bytes, shared) {
          (body) throws(ParseFailure) in
          attributes.append(try attribute(body))
        }
      }
    } catch {
      attributes.append(HDF5Attribute("", unreadable("attributes, \(error.problem)")))
    }
    return attributes
  }

  private func unreadable(_ reason: String) -> InertValue {
    HDF5Attribute.marker("unreadable", reason)
  }

  /// - Throws: if not even the name can be read.
  private func attribute(_ body: ByteCursor) throws(ParseFailure) -> HDF5Attribute {
    let message = try AttributeMessage(body)
    guard let text = String(validating: message.name, as: UTF8.self) else {
      throw ParseFailure(.malformed, at: body.offset, "attribute", "a name that is not UTF-8")
    }
    let name = ExactName(text)
    do throws(ParseFailure) {
      let type = try message.datatype(shared)
      guard let elementType = try type.attributeType() else {
        return HDF5Attribute(name, HDF5Attribute.marker(type.className))
      }
      return HDF5Attribute(name, try form(message, type, elementType))
    } catch {
      return HDF5Attribute(name, unreadable(error.problem))
    }
  }

  private func form(
    _ message: AttributeMessage, _ type: Datatype, _ elementType: HDF5AttributeType
  ) throws(ParseFailure) -> HDF5AttributeForm {
    guard let shape = try message.dataspace(shared, bytes.form).shape else {
      return HDF5AttributeForm(
        type: elementType, shape: nil, elements: type.isVariableText ? .texts([]) : .packed([]))
    }
    return HDF5AttributeForm(
      type: elementType, shape: shape,
      elements: type.isVariableText
        ? .texts(try texts(message.elements, type, shape))
        : .packed(try packed(message.elements, type, shape)))
  }

  private func byteCount(_ type: Datatype, _ shape: Shape) throws(ParseFailure) -> Int {
    let (count, overflow) = shape.elementCount.multipliedReportingOverflow(by: type.byteCount)
    guard !overflow, count <= limits.attributeBytes else {
      throw ParseFailure(
        .limitExceeded, "attribute", "has more than \(limits.attributeBytes) bytes")
    }
    return count
  }

  private func packed(
    _ elements: ByteCursor, _ type: Datatype, _ shape: Shape
  ) throws(ParseFailure) -> [UInt8] {
    var elements = elements
    return Array(try elements.readBytes(byteCount(type, shape), "attribute"))
  }

  private func texts(
    _ elements: ByteCursor, _ type: Datatype, _ shape: Shape
  ) throws(ParseFailure) -> [[UInt8]] {
    var elements = elements
    var references = try elements.slice(byteCount(type, shape), "attribute")
    var texts: [[UInt8]] = []
    var total = 0
    for _ in 0..<shape.elementCount {
      var reference = try references.slice(type.byteCount, "attribute")
      // A text ends with the first NUL, which some writers store.
      let text = try globalHeap.element(&reference, size: 1).prefix { $0 != 0 }
      total += text.count
      guard total <= limits.attributeBytes else {
        throw ParseFailure(
          .limitExceeded, "attribute", "has more than \(limits.attributeBytes) bytes")
      }
      texts.append(Array(text))
    }
    return texts
  }
}
