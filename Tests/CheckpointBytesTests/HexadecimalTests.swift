import CheckpointBytes
import Testing

@Suite struct HexadecimalTests {
  @Test("Bytes and their digits are each other's inverse")
  func roundTrip() {
    let bytes = [UInt8](0...255)
    #expect(Hexadecimal.bytes(Hexadecimal.text(bytes)) == bytes)
    #expect(Hexadecimal.text([0, 15, 16, 255]) == "000f10ff")
    #expect(Hexadecimal.bytes("aAfF") == [0xAA, 0xFF])
  }

  @Test(
    "What is no ASCII digit, or half a byte, is no number",
    arguments: ["g0", "0", "１２", "+1", " 1"])
  func refused(_ text: String) {
    #expect(Hexadecimal.bytes(text) == nil)
  }

  @Test("A byte is a digit if Swift's integers take it for one of base 16")
  func digits() {
    for byte in UInt8.min ... .max {
      let text = String(decoding: [byte], as: UTF8.self)
      #expect(Hexadecimal.digit(byte) == UInt8(text, radix: 16), "\(byte)")
    }
    #expect(Hexadecimal.number("01fF".utf8) == 0x1FF)
    #expect(Hexadecimal.number("0x1".utf8) == nil)
  }
}
