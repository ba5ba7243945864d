import CheckpointBytes
import PickleFormat
import TestSupport
import Testing
import TorchFormat

private typealias P = PickleBytes

private func scan(_ bytes: [UInt8]) throws -> TorchScan {
  let directory = try TemporaryDirectory()
  return TorchScan(try SourceFile(path: try directory.write(bytes, as: "model.pt")))
}

@Suite("A scan of a file")
struct TorchScanTests {
  private let call = P.proto(2) ++ P.global("os", "system") ++ P.text("x") ++ P.tuple1 ++ P.reduce

  @Test("What PyTorch wrote is all known as data", arguments: TorchCheckpointTests.files)
  func harmless(_ file: String, _ container: TorchContainer) throws {
    let scan = TorchScan(try SourceFile(path: fixture(file)))
    #expect(scan.problems.isEmpty && !scan.pickles.isEmpty)
    #expect(scan.verdict == .allowed || scan.verdict == nil)
  }

  @Test("A call in any of the five pickles of a legacy stream is dangerous")
  func legacyStream() throws {
    let places: [WritableKeyPath<LegacyFile, [UInt8]>] = [
      \.magic, \.version, \.system, \.object, \.keys,
    ]
    for place in places {
      var file = LegacyFile(LegacyFile.tensor())
      file[keyPath: place] = call
      let scan = try scan(file.bytes)
      #expect(scan.verdict == .dangerous)
      let renderings = scan.pickles.flatMap(\.findings).map(\.finding.rendering)
      #expect(renderings.contains("os.system('x')"))
    }
  }

  @Test("A class that nobody knows is unknown, and so is a call of what is data by name only")
  func unknown() throws {
    #expect(try scan(P.proto(2) ++ P.global("my", "Class") ++ P.stop).verdict == .unknown)
    let list = P.global("builtins", "list")
    #expect(try scan(P.proto(2) ++ list ++ P.stop).verdict == .allowed)
    #expect(try scan(P.proto(2) ++ list ++ P.emptyTuple ++ P.reduce ++ P.stop).verdict == .unknown)
  }

  @Test("Broken pickles and broken archives are scanned as far as they go")
  func broken() throws {
    let cut = try scan(call)
    #expect(cut.verdict == .dangerous && cut.pickles.first?.failure?.kind == .truncated)
    let header: [UInt8] = [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 22) + [5, 0, 0, 0]
    let archive = try scan(header ++ Array("a.pkl".utf8) ++ call ++ P.stop)
    #expect(archive.verdict == .dangerous && archive.problems.count == 1)
    #expect(archive.pickles.first?.member == "a.pkl")
  }

  @Test("Pickles behind the first one are scanned too")
  func several() throws {
    let scan = try scan(P.proto(2) ++ P.none ++ P.stop ++ call ++ P.stop)
    #expect(scan.pickles.count == 2 && scan.verdict == .dangerous)
  }
}
