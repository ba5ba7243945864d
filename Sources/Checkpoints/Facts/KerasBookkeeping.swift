package import CheckpointBytes
internal import HDF5Format
internal import OrderedCollections

/// The attributes by which Keras 2 finds the weights of an HDF5 file (`keras/src/saving/legacy/hdf5_format.py`, 2.15).
///
/// They follow from the names: the first component is the layer, whose group lists the rest of each name.
package enum KerasBookkeeping {
  /// The attributes that a `tf_model.h5` with these data sets has.
  package static func attributes(of names: some Sequence<ExactName>) -> FactNames.Attributes {
    var layers: OrderedDictionary<String, [String]> = [:]
    for name in names {
      let parts = name.string.split(separator: "/", maxSplits: 1)
      guard parts.count == 2 else { continue }
      layers[String(parts[0]), default: []].append(String(parts[1]))
    }
    var root = list("layer_names", Array(layers.keys))
    root["backend"] = .string("tensorflow")
    root["keras_version"] = .string("2.15.0")
    var attributes: FactNames.Attributes = ["": root]
    for (layer, weights) in layers { attributes[ExactName(layer)] = list("weight_names", weights) }
    // Weights that belong to no layer; Keras writes the empty list as numbers.
    attributes["top_level_model_weights"] = [
      "weight_names": .array(dtype: "F64", shape: [0], bytes: [])
    ]
    return attributes
  }

  /// A list of texts: one attribute, or numbered ones where an object header does not take it whole.
  private static func list(
    _ name: String, _ texts: [String]
  ) -> OrderedDictionary<ExactName, InertValue> {
    guard texts.count > mostTexts else {
      return [ExactName(name): .list(texts.map { .string($0) })]
    }
    var attributes: OrderedDictionary<ExactName, InertValue> = [:]
    for (number, start) in stride(from: 0, to: texts.count, by: mostTexts).enumerated() {
      let part = texts[start..<min(start + mostTexts, texts.count)]
      attributes[ExactName(name + String(number))] = .list(part.map { .string($0) })
    }
    return attributes
  }

  /// The texts of one attribute: each takes 16 of the 64 KB that an object header has.
  private static let mostTexts = 3_900

  /// The attributes without the names in Keras' lists that lead to nothing that is written: weights that were left out or
  /// renamed. A list that names what is not there makes a file that Keras and this package refuse.
  static func trimmed(
    _ attributes: FactNames.Attributes, toPaths paths: [ExactName],
    _ remarks: inout Remarks
  ) -> FactNames.Attributes {
    guard attributes.values.contains(where: { $0.keys.contains(where: isList) }) else {
      return attributes
    }
    var objects = Set(paths)
    for path in paths + attributes.keys {
      var path = path
      while let parent = path.parent, objects.insert(parent).inserted { path = parent }
    }
    objects.formUnion(attributes.keys)
    var result = attributes
    for (path, values) in attributes {
      for (name, value) in values where isList(name) {
        guard case .list(let texts) = value else { continue }
        let kept = texts.filter { text in
          guard case .string(let text) = text else { return true }
          return objects.contains(
            path.string.isEmpty ? ExactName(text) : ExactName("\(path)/\(text)"))
        }
        if kept.count == texts.count { continue }
        result[path]?[name] = .list(kept)
        remarks.note(
          "the attribute \(quoted(name.string)) of \(quoted("/" + path.string)) keeps \(kept.count) of "
            + "\(texts.count) names: the others lead to nothing that is written")
      }
    }
    return result
  }

  /// True for the name of a list by which Keras finds weights, or of a part of one.
  static func isList(_ name: ExactName) -> Bool {
    ["layer_names", "weight_names"].contains(stem(of: name))
  }

  private static func stem(of name: ExactName) -> String {
    var digits = name.string.utf8[...]
    while let last = digits.last, (0x30...0x39).contains(last) { digits.removeLast() }
    return String(decoding: digits, as: UTF8.self)
  }

  /// True for an attribute that only says how Keras or Weighbridge laid the file out.
  package static func isBookkeeping(_ name: ExactName) -> Bool {
    isList(name) || ["backend", "keras_version", "name"].contains(stem(of: name))
  }
}
