import NIOCore
import Testing

@testable import WireProtocol

/// Where what has come of HTTP/2 is cut.
@Suite struct WholeFramesTests {
  private func frame(_ length: Int) -> [UInt8] {
    [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), 0, 0, 0, 0, 0, 1]
      + [UInt8](repeating: 7, count: length)
  }

  @Test func `it is cut after the last whole frame, wherever it ends`() {
    let (first, second, third) = (frame(5), frame(0), frame(300))
    let all = first + second + third
    for end in 0...all.count {
      let ends = [0, first.count, first.count + second.count, all.count]
      #expect(
        WholeFrames.whole(in: ByteBuffer(bytes: all.prefix(end))) == ends.last { $0 <= end })
    }
  }

  @Test func `what was read already does not count`() {
    var bytes = ByteBuffer(bytes: frame(9) + frame(20) + [0, 0])
    bytes.moveReaderIndex(forwardBy: frame(9).count)
    #expect(WholeFrames.whole(in: bytes) == frame(20).count)
  }

  @Test func `not much is handed on at once, but one frame always`() {
    let (small, large) = (frame(10_000), frame(40_000))
    let many = ByteBuffer(bytes: small + small + small + small)
    #expect(WholeFrames.whole(in: many) == 3 * small.count)
    #expect(WholeFrames.whole(in: ByteBuffer(bytes: large + small)) == large.count)
    #expect(WholeFrames.whole(in: ByteBuffer(bytes: small + large)) == small.count)
  }

  @Test func `nobody waits for a frame that is larger than any should be`() {
    let bytes = frame(3) + frame(100_000).prefix(50)
    #expect(WholeFrames.whole(in: ByteBuffer(bytes: bytes)) == bytes.count)
  }
}
