package import CheckpointBytes
package import OrderedCollections
internal import WeightGraph

/// The names under which facts travel in formats that have no place of their own for them.
package enum FactNames {
  /// Metadata key or HDF5 attribute: the checkpoint's own structure, as JSON (see ``InertValue/json``).
  static let tree: ExactName = "weighbridge.tree"
  /// Metadata key: HDF5 attributes by path, as JSON.
  static let attributes: ExactName = "weighbridge.attributes"
  /// Metadata key: how those are stored where their values do not say it, in the same form.
  static let attributeTypes: ExactName = "weighbridge.attribute_types"
  /// HDF5 attribute: metadata that HDF5's text attributes cannot hold, as a JSON object. Metadata key: metadata that would
  /// be taken for ties.
  static let metadata: ExactName = "weighbridge.metadata"
  /// HDF5 attribute: what stands between the components of names where it is not `/`.
  static let separator: ExactName = "weighbridge.separator"
  /// HDF5 attribute: names that do not follow from their path, as a JSON object from path to name.
  static let names: ExactName = "weighbridge.names"
  /// HDF5 attribute: says that names of one data set are tied weights, as this package writes them. Metadata key: a JSON
  /// list of the left-out names that ``TieConvention`` does not tell.
  static let ties: ExactName = "weighbridge.ties"
  /// HDF5 attributes of a data set of bytes: the dtype and shape of the elements packed in it.
  static let dtype: ExactName = "weighbridge.dtype"
  static let shape: ExactName = "weighbridge.shape"

  /// The keys by which facts stand in metadata.
  static let inMetadata: Set<ExactName> = [tree, attributes, attributeTypes]

  static func decodeTree(_ text: String, file: String) throws(CheckpointError) -> InertValue {
    // What a walk of a pickle may visit was written, and must be read again: an object takes several values.
    var limits = ReadLimits()
    limits.jsonValues = 8 * limits.pickleVisits
    return try locating(file: file, member: tree.string) { () throws(ParseFailure) in
      try InertValue(
        json: JSONValue(parsing: Array(text.utf8), context: tree.string, limits: limits))
    }
  }

  /// A JSON object of texts.
  static func decodeTexts(
    _ text: String, _ name: ExactName, file: String
  ) throws(CheckpointError) -> OrderedDictionary<ExactName, String> {
    let value = try JSONValue(
      parsing: Array(text.utf8), file: file, member: name.string, context: name.string)
    var texts: OrderedDictionary<ExactName, String> = [:]
    for member in value.members ?? [] {
      if let text = member.value.string { texts[member.key] = text }
    }
    return texts
  }

  /// A JSON list of names.
  static func decodeNames(
    _ text: String, file: String
  ) throws(CheckpointError) -> Set<ExactName> {
    let value = try JSONValue(
      parsing: Array(text.utf8), file: file, member: ties.string, context: ties.string)
    return Set((value.elements ?? []).compactMap(\.string).map { ExactName($0) })
  }

  package typealias Attributes = OrderedDictionary<
    ExactName, OrderedDictionary<ExactName, InertValue>
  >

  static func encodeAttributes(_ attributes: Attributes) -> String {
    JSONWriter.text(
      .object(
        attributes.map { path, values in
          JSONValue.Member(
            path, .object(values.map { JSONValue.Member($0.key, $0.value.json) }))
        }))
  }

  static func decodeAttributes(
    _ text: String, file: String
  ) throws(CheckpointError) -> Attributes {
    try locating(file: file, member: attributes.string) { () throws(ParseFailure) in
      let value = try JSONValue(parsing: Array(text.utf8), context: attributes.string)
      var result: Attributes = [:]
      for path in value.members ?? [] {
        var values: OrderedDictionary<ExactName, InertValue> = [:]
        for member in path.value.members ?? [] {
          values[member.key] = try InertValue(json: member.value)
        }
        result[path.key] = values
      }
      return result
    }
  }
}
