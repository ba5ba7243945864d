import CLibFuzzer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The target that `FUZZ_TARGET` names, looked up once.
private let chosen: FuzzTarget? = {
  let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) }
  return name.flatMap { FuzzTarget(rawValue: $0) }
}()

/// SwiftPM gives an executable's `main` the name of its target; with libFuzzer there is no other, so it is written here.
@_cdecl("Fuzz_main")
public func fuzzMain(
  _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
  guard chosen != nil else {
    print("FUZZ_TARGET must be one of", FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))
    return 64
  }
  var count = count
  var arguments = unsafe arguments
  return unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    chosen?.test(input)
    return 0
  }
}
