import CheckpointBytes
import HDF5Format
import TensorValues
import TestSupport
import Testing

/// The types of attributes; `scripts/interop attributes` holds them against h5py, through every format.
@Suite struct HDF5AttributeTests {
  private func attributes(_ group: ExactName) throws -> [HDF5Attribute] {
    try #require(Described("attribute-types.h5").description.group(group)).attributes
  }

  @Test func `Attributes of every type are written as they were read`() throws {
    // Of the compact form as much as an object header takes.
    let carried = try attributes("carried")
    #expect(carried.count > 200)
    #expect(carried.allSatisfy { $0.isWritable })
    let directory = try TemporaryDirectory()
    let path = directory.file("written.h5")
    let groups = carried.map { HDF5Plan.Group(path: ExactName("at/\($0.name)"), attributes: [$0]) }
    _ = try HDF5Plan(groups: groups).write(toNew: path)
    let written = try Described(path: path).description
    for attribute in carried {
      let found = try #require(written.group(ExactName("at/\(attribute.name)"))).attributes
      // No number equals itself if it is none.
      #expect(found == [attribute] || "\(found)" == "\([attribute])")
    }
  }

  @Test func `Types that the value does not say are kept beside it, others not`() throws {
    let carried = try attributes("carried")
    func type(_ name: ExactName) -> InertValue? {
      carried.first { $0.name == name }?.type?.inert
    }
    #expect(carried["i1"] == .integer(-3))
    #expect(type("i1") == .string("I8"))
    #expect(carried["big-f4"] == .float(Double(Float(-0.1))))
    #expect(type("big-f4") == .string("big-endian F32"))
    #expect(type("i8") == nil)
    #expect(type("f8") == nil)
    #expect(type("i2[3]") == nil)
    #expect(type("big-i2[3]") == .string("big-endian I16"))
    #expect(carried["u8 most"] == .bigInteger([UInt8](repeating: 255, count: 8) + [0]))
    #expect(type("u8 most") == nil)
    #expect(type("u8") == .string("U64"))
    #expect(carried["f4 null"] == InertValue.none)
    #expect(type("f4 null") == .string("F32"))
    #expect(carried["text spaced utf8 0"] == .string("ab"))
    #expect(type("text spaced utf8 0") == .string("UTF-8 text, 5 bytes, space-padded"))
    #expect(type("variable ascii") == .string("ASCII text"))
    #expect(type("variable utf-8") == nil)
    #expect(carried["text padded ascii latin"] == .bytes([0x63, 0x61, 0x66, 0xE9]))
    let members: [(String, InertValue)] = [
      ("RED", .integer(1)), ("GREEN", .integer(2)), ("none of them", .integer(-1)),
    ]
    #expect(
      type("enumeration i1")
        == .dictionary([("enumeration", .string("I8")), ("members", .dictionary(members))]))
  }

  @Test func `Every type is read from its inert form`() throws {
    for attribute in try attributes("carried") {
      guard let type = attribute.type else { continue }
      #expect(HDF5AttributeType(type.inert) == type, "\(attribute.name)")
    }
    for words in [
      "", "I7", "big-endian", "Latin text", "ASCII text, 4 bytes",
      "ASCII text, x bytes, null-padded",
      "ASCII text, 0 bytes, null-padded", "UTF-8 text, 4 bytes, padded",
    ] {
      #expect(HDF5AttributeType(.string(words)) == nil, "\(words)")
    }
    #expect(HDF5AttributeType(.integer(1)) == nil)
    #expect(HDF5AttributeType(.dictionary([("enumeration", .string("F32"))])) == nil)
  }

  @Test func `A type that no longer fits the value gives way to it`() throws {
    let directory = try TemporaryDirectory()
    let text = HDF5AttributeType.text(.init(isUTF8: false, byteCount: 2, padding: .nullPadded))
    let misfits = [
      HDF5Attribute("a", .integer(300), type: .number(.u8, .little)),
      HDF5Attribute("b", .integer(-1), type: .number(.u64, .little)),
      HDF5Attribute("c", .float(0.1), type: .number(.f32, .big)),
      HDF5Attribute("d", .string("x"), type: .number(.i8, .little)),
      HDF5Attribute("e", .integer(1), type: text),
    ]
    let longer = HDF5Attribute("f", .string("longer"), type: text)
    let path = directory.file("x.h5")
    _ = try HDF5Plan(groups: [.init(path: "", attributes: misfits + [longer])]).write(toNew: path)
    let attributes = try Described(path: path).description.groups[0].attributes
    for misfit in misfits {
      #expect(attributes.contains(HDF5Attribute(misfit.name, misfit.value)), "\(misfit.name)")
    }
    let grown = HDF5AttributeType.text(.init(isUTF8: false, byteCount: 6, padding: .nullPadded))
    #expect(attributes.contains(HDF5Attribute("f", .string("longer"), type: grown)))
  }

  @Test func `Types from strangers that HDF5 does not take are not written`() {
    func isWritable(_ value: InertValue, _ type: HDF5AttributeType) -> Bool {
      HDF5Attribute("a", value, type: type).isWritable
    }
    func enumeration(_ members: [HDF5AttributeType.Member]) -> HDF5AttributeType {
      .enumeration(.i8, .little, members: members)
    }
    #expect(isWritable(.integer(1), enumeration([.init("a", 1)])))
    #expect(!isWritable(.integer(1), enumeration([])))
    #expect(!isWritable(.integer(1), enumeration([.init("a", 1), .init("a", 2)])))
    #expect(!isWritable(.integer(1), enumeration([.init("a", 1), .init("b", 257)])))
    #expect(!isWritable(.integer(1), enumeration([.init("", 1)])))
    let huge = HDF5AttributeType.text(.init(isUTF8: true, byteCount: .max, padding: .nullPadded))
    #expect(!isWritable(.list([.string("a"), .string("b")]), huge))
    #expect(!isWritable(.none, huge))
    #expect(!isWritable(.array(dtype: "F8_E4M3", shape: [1], bytes: [0]), .number(.u8, .little)))
  }

  @Test func `What has no form as inert data says what it is`() throws {
    for attribute in try attributes("listed") {
      #expect(!attribute.isWritable)
      #expect(HDF5Attribute.missingValue(attribute.value) != nil, "\(attribute.name)")
    }
    #expect(HDF5Attribute.missingValue(.string("hdf5.")) == nil)
    #expect(
      HDF5Attribute.missingValue(.object(.init(type: "hdf5.reference")))
        == "its type is reference, which is not carried")
  }
}
